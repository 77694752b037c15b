// SPDX-License-Identifier: LGPL-2.1-or-later
// Says what the library reads from .npy headers, one line per file, for npy_numpy_test.py to compare.
#include <cstdio>

#include <fcntl.h>

#include "dmaslab/capture/npy_header.h"
#include "dmaslab/unique_fd.h"

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        const dmaslab::UniqueFd fd(::open(argv[i], O_RDONLY | O_CLOEXEC));
        const auto header = dmaslab::readNpyHeader(fd.get(), argv[i]);
        if (header)
            std::printf("%s %s %llu %llu\n", header->dtype.text().c_str(),
                        dmaslab::shapeText(header->shape).c_str(),
                        static_cast<unsigned long long>(header->dataOffset),
                        static_cast<unsigned long long>(header->dataBytes));
        else
            std::printf("refused: %s\n", header.error().message.c_str());
    }
    return 0;
}
