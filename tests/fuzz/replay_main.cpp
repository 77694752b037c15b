// SPDX-License-Identifier: LGPL-2.1-or-later
// Stands in for the fuzzing engine: gives every kept input to the target once, as an ordinary test.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t *data, std::size_t size);

int main(int argc, char **argv)
{
    std::vector<std::filesystem::path> inputs;
    for (int i = 1; i < argc; i++) {
        for (const auto &item : std::filesystem::directory_iterator(argv[i]))
            inputs.push_back(item.path());
    }
    std::sort(inputs.begin(), inputs.end());
    for (const auto &path : inputs) {
        std::ifstream file(path, std::ios::binary);
        const std::vector<char> bytes((std::istreambuf_iterator<char>(file)),
                                      std::istreambuf_iterator<char>());
        std::printf("%s: %zu bytes\n", path.filename().c_str(), bytes.size());
        std::fflush(stdout); // so that the last line names the input that broke it
        // A copy of the exact size on the heap, so that a sanitizer sees every byte read beyond it.
        const std::vector<std::uint8_t> exact(bytes.begin(), bytes.end());
        LLVMFuzzerTestOneInput(exact.data(), exact.size());
    }
    std::printf("%zu inputs\n", inputs.size());
    return inputs.empty() ? 1 : 0; // a corpus that was not found is no success
}
