// SPDX-License-Identifier: LGPL-2.1-or-later
#include <fcntl.h>

#include "capture_test_files.h"
#include "dmaslab/capture/npy_header.h"
#include "dmaslab/unique_fd.h"

namespace dmaslab {

using test::bytesOf;
using test::npyDict;
using test::npyHeader;
using Shape = std::vector<std::uint64_t>;

static Result<NpyHeader> parse(const std::string &header)
{
    return parseNpyHeader(bytesOf(header), "some/file.npy");
}

/** Every refusal names the file, says what is wrong and how to mend it. */
static void expectRefused(const std::string &header, Errc code, const std::string &what)
{
    const auto parsed = parse(header);
    ASSERT_FALSE(parsed) << "taken, though " << what;
    EXPECT_EQ(parsed.error().code, code) << parsed.error().message;
    EXPECT_TRUE(parsed.error().message.starts_with("some/file.npy: ")) << parsed.error().message;
    EXPECT_NE(parsed.error().message.find(what), std::string::npos) << parsed.error().message;
    EXPECT_NE(parsed.error().message.find("; "), std::string::npos)
        << "no remedy: " << parsed.error().message;
}

static void expectMalformed(const std::string &dict, const std::string &what)
{
    expectRefused(npyHeader(dict), Errc::Format, what);
}

TEST(NpyHeader, ReadsWhatNumpyWrites)
{
    const auto header =
        parse(npyHeader("{'descr': '<u2', 'fortran_order': False, 'shape': (3, 480, 640), }"));
    ASSERT_TRUE(header) << header.error().message;
    EXPECT_EQ(header->dtype, (NpyDtype{'u', '<', 2}));
    EXPECT_EQ(header->shape, (Shape{3, 480, 640}));
    EXPECT_EQ(header->dataOffset, 128U);
    EXPECT_EQ(header->dataBytes, 3U * 480 * 640 * 2);
}

TEST(NpyHeader, KnowsEveryPlainDtype)
{
    struct
    {
        const char *descr, *text;
    } const cases[] = {
        {"u1", "|u1"},    {"|u1", "|u1"}, {"<u1", "|u1"}, {"i1", "|i1"},  {"|b1", "|b1"},   {"<u2", "<u2"},
        {">u2", ">u2"},   {"<i2", "<i2"}, {">i2", ">i2"}, {"<u4", "<u4"}, {">i4", ">i4"},   {"<u8", "<u8"},
        {"<f2", "<f2"},   {"<f4", "<f4"}, {">f4", ">f4"}, {"<f8", "<f8"}, {"<f16", "<f16"}, {"<c8", "<c8"},
        {"<c16", "<c16"}, {"=u2", "<u2"}, {"u2", "<u2"},
    };
    for (const auto &c : cases) {
        const auto header = parse(npyHeader(npyDict(c.descr, "(5, 7)")));
        ASSERT_TRUE(header) << c.descr << ": " << header.error().message;
        EXPECT_EQ(header->dtype.text(), c.text);
        EXPECT_EQ(header->dataBytes, 35U * header->dtype.size);
    }
}

TEST(NpyHeader, ReadsVersionsOneToThree)
{
    for (const int major : {1, 2, 3}) {
        const auto header = parse(npyHeader(npyDict("<u2", "(4, 6)"), major));
        ASSERT_TRUE(header) << header.error().message;
        EXPECT_EQ(header->dataOffset, 128U);
        EXPECT_EQ(header->dataBytes, 48U);
    }
}

TEST(NpyHeader, ReadsEveryLegalHeaderLength)
{
    const std::string dict = "{'descr':'|u1','fortran_order':False,'shape':()}";
    for (const int major : {1, 2, 3}) {
        for (std::size_t total : {64, 65, 100, 128, 4095, 4096, 4097, 8192, 16384, 65535, 65545, 65536}) {
            if (major == 1 && total > 65535 + 10)
                continue;
            const auto header = parse(npyHeader(dict, major, total));
            ASSERT_TRUE(header) << major << " " << total << ": " << header.error().message;
            EXPECT_EQ(header->dataOffset, total);
        }
    }
    EXPECT_TRUE(parse(npyHeader(dict, 2, kNpyMaxHeaderBytes)));
}

TEST(NpyHeader, RefusesAHeaderLengthBeyondReason)
{
    std::string header = npyHeader(npyDict("<u2", "(4, 6)"), 2);
    header.replace(8, 4, "\xff\xff\xff\xff");
    expectRefused(header, Errc::Format, "4294967295");
}

TEST(NpyHeader, TakesKeysInAnyOrderAndAnySpacing)
{
    for (const char *dict : {
             "{'shape': (4, 6), 'fortran_order': False, 'descr': '<u2'}",
             "{\"shape\":(4,6),\"fortran_order\":False,\"descr\":\"<u2\"}",
             "  { 'shape' : ( 4 , 6 , ) , \t'fortran_order' :\nFalse , 'descr' : '<u2' , }  ",
             "{'descr': '<u2', 'fortran_order': False, 'shape': (                   4, 6), }",
             "{'descr': '<u2', 'fortran_order': False, 'shape': (4L, 6L), }", // Python 2
         }) {
        const auto header = parse(npyHeader(dict));
        ASSERT_TRUE(header) << dict << ": " << header.error().message;
        EXPECT_EQ(header->shape, (Shape{4, 6}));
    }
}

TEST(NpyHeader, ReadsTuplesOfEveryLength)
{
    EXPECT_EQ(parse(npyHeader(npyDict("|u1", "()")))->shape, Shape{});
    EXPECT_EQ(parse(npyHeader(npyDict("|u1", "()")))->dataBytes, 1U);
    EXPECT_EQ(parse(npyHeader(npyDict("|u1", "(5,)")))->shape, Shape{5});
    EXPECT_EQ(parse(npyHeader(npyDict("|u1", "(1, 2, 3, 4, 5)")))->shape, (Shape{1, 2, 3, 4, 5}));
    EXPECT_EQ(parse(npyHeader(npyDict("|u1", "(0, 2)")))->dataBytes, 0U);
    expectMalformed(npyDict("|u1", "(5)"), "not a tuple");
    std::string axes;
    for (int i = 0; i < 33; i++)
        axes += "1, ";
    expectMalformed(npyDict("|u1", "(" + axes + ")"), "more than 32 axes");
}

TEST(NpyHeader, RefusesFortranOrder)
{
    expectRefused(npyHeader(npyDict("<u2", "(4, 6)", "True")), Errc::Unsupported, "Fortran order");
    EXPECT_TRUE(parse(npyHeader(npyDict("<u2", "(4,)", "True")))) << "one axis has one order";
}

TEST(NpyHeader, RefusesStructuredDtypeAndSaysWhatToDo)
{
    for (const char *descr : {"[('pixels', '<u2', (4, 6)), ('', '|V16')]", "[]", "('<u2', (3, 4))",
                              "[('a', [('b', '<u2')]), (')', '<u2')]"}) {
        const std::string dict =
            std::string("{'descr': ") + descr + ", 'fortran_order': False, 'shape': (4, 6)}";
        expectRefused(npyHeader(dict), Errc::Unsupported, "structured dtype is not a picture; export");
    }
    expectMalformed("{'descr': [('a', '<u2'], 'fortran_order': False, 'shape': (4, 6)}", "has no end");
    expectMalformed("{'descr': [(((((((((((((((", "has no end");
    expectMalformed("{'descr': ['", "has no end");
}

TEST(NpyHeader, RefusesObjectsAndEverythingThatIsNoNumber)
{
    expectRefused(npyHeader(npyDict("|O", "(4, 6)")), Errc::Unsupported, "Python objects");
    for (const char *descr : {"|S5", "<U3", "|V16", "<M8[ns]", "<m8", "u3", "<f1", "<u16", "<u02", "<", "",
                              "u", "<<u2", "uint16", "<u2 ", "b2", "<u-2", "<c4"})
        expectRefused(npyHeader(npyDict(descr, "(4, 6)")), Errc::Unsupported, descr);
}

TEST(NpyHeader, RefusesShapesThatNoFileCanHold)
{
    for (const char *shape :
         {"(9223372036854775807, 2)", "(4294967296, 4294967296)", "(0, 18446744073709551615)",
          "(4294967296, 0, 4294967296)", "(18446744073709551615,)", "(4611686018427387903,)"})
        expectMalformed(npyDict("<u2", shape), "more than any file can hold");
    expectMalformed(npyDict("<u2", "(18446744073709551616, 1)"), "beyond 64 bits");
    expectMalformed(npyDict("<u2", "(99999999999999999999999999999999999, 1)"), "beyond 64 bits");
}

TEST(NpyHeader, RefusesMalformedDictionaries)
{
    const std::string good = "{'descr': '<u2', 'fortran_order': False, 'shape': (4, 6)}";
    expectMalformed("", "'{' was expected");
    expectMalformed("{}", "'descr' is missing");
    expectMalformed("{'descr': '<u2', 'shape': (4, 6)}", "'fortran_order' is missing");
    expectMalformed("{'descr': '<u2', 'fortran_order': False}", "'shape' is missing");
    expectMalformed("{'descr': '<u2', 'fortran_order': False, 'shape': (4, 6), 'x': 1}", "'x' is unknown");
    expectMalformed("{'descr': '<u2', 'descr': '<u2', 'shape': (4, 6)}", "comes twice");
    expectMalformed(good + " # a comment", "something follows");
    expectMalformed(good + good, "something follows");
    expectMalformed("[" + good + "]", "'{' was expected");
    expectMalformed("{{'descr': '<u2'}}", "a key in quotes");
    expectMalformed("{'descr': '<u2' 'fortran_order': False, 'shape': (4, 6)}", "'}' was expected");
    expectMalformed("{'descr': '<u2',, 'fortran_order': False, 'shape': (4, 6)}", "a key in quotes");
    expectMalformed("{'descr': 5, 'fortran_order': False, 'shape': (4, 6)}", "a dtype in quotes");
    expectMalformed("{'descr': '<u2", "has no end");
    expectMalformed("{'descr': '<u\\x32', 'fortran_order': False, 'shape': (4, 6)}", "no plain name");
    expectMalformed(npyDict("<u2", "(4, 6)", "0"), "True or False");
    expectMalformed(npyDict("<u2", "(4, 6)", "Falsey"), "'}' was expected");
    expectMalformed(npyDict("<u2", "[4, 6]"), "'(' was expected");
    expectMalformed(npyDict("<u2", "(4, -6)"), "negative");
    expectMalformed(npyDict("<u2", "(4, (6, 7))"), "a whole number was expected");
    expectMalformed(npyDict("<u2", "(4, 6.5)"), "')' was expected");
    expectMalformed(npyDict("<u2", "(4, 1e3)"), "')' was expected");
    expectMalformed(npyDict("<u2", "(4, 0x6)"), "')' was expected");
    expectMalformed(npyDict("<u2", "(4, 06)"), "leading zeros");
    expectMalformed(npyDict("<u2", "(4, , 6)"), "a whole number was expected");
    expectMalformed(npyDict("<u2", "(,)"), "a whole number was expected");
    expectMalformed(npyDict("<u2", "(4, 6"), "a whole number was expected");
    expectMalformed("{'descr': '<u2', 'fortran_order': False, 'shape': (4, 6}", "')' was expected");
}

TEST(NpyHeader, RefusesBytesThatAreNoText)
{
    expectMalformed(npyDict(std::string("<u2\0", 4), "(4, 6)"), "not printable ASCII");
    expectMalformed(npyDict("<\xc3\xbc"
                            "2",
                            "(4, 6)"),
                    "not printable ASCII");
    expectMalformed(npyDict("<u2", "(4, 6\x7f)"), "not printable ASCII");
    std::string zeros = npyHeader(npyDict("<u2", "(4, 6)"));
    std::fill(zeros.begin() + 10, zeros.end(), '\0');
    expectRefused(zeros, Errc::Format, "not printable ASCII");
}

TEST(NpyHeader, RefusesUnknownVersionsAndOtherFiles)
{
    expectRefused(npyHeader(npyDict("<u2", "(4, 6)"), 4), Errc::Unsupported, "version 4.0");
    std::string minor = npyHeader(npyDict("<u2", "(4, 6)"));
    minor[7] = 1;
    expectRefused(minor, Errc::Unsupported, "version 1.1");
    expectRefused("PK\3\4 an archive", Errc::Format, "does not begin like a .npy file");
    EXPECT_FALSE(hasNpyMagic(bytesOf("\x93NUMP")));
    EXPECT_TRUE(hasNpyMagic(bytesOf(npyHeader(""))));
}

TEST(NpyHeader, NoticesACutAtEveryByte)
{
    for (const int major : {1, 2}) {
        const std::string whole = npyHeader(npyDict("<u2", "(2, 3)"), major) + test::pixels(12);
        const test::TempDir dir;
        for (std::size_t length = 0; length <= whole.size(); length++) {
            const std::string file = dir.write("cut.npy", whole.substr(0, length));
            const UniqueFd fd(::open(file.c_str(), O_RDONLY));
            const auto header = readNpyHeader(fd.get(), file);
            EXPECT_EQ(header.has_value(), length == whole.size()) << length;
            if (!header) {
                EXPECT_TRUE(header.error().message.starts_with(file + ": ")) << header.error().message;
                EXPECT_NE(header.error().message.find("it was cut off"), std::string::npos)
                    << length << ": " << header.error().message;
            }
        }
    }
}

TEST(NpyHeader, TakesAFileLongerThanItsShape)
{
    const test::TempDir dir;
    const std::string file = dir.write("long.npy", npyHeader(npyDict("<u2", "(2, 3)")) + test::pixels(5000));
    const UniqueFd fd(::open(file.c_str(), O_RDONLY));
    const auto header = readNpyHeader(fd.get(), file);
    ASSERT_TRUE(header) << header.error().message;
    EXPECT_EQ(header->dataBytes, 12U);
}

TEST(NpyHeader, ReadsLongHeadersFromFiles)
{
    const test::TempDir dir;
    for (const std::size_t total : {4095, 4096, 4097, 65536, 1 << 20}) {
        const std::string file =
            dir.write("long.npy", npyHeader(npyDict("<u2", "(2, 3)"), 2, total) + test::pixels(12));
        const UniqueFd fd(::open(file.c_str(), O_RDONLY));
        const auto header = readNpyHeader(fd.get(), file);
        ASSERT_TRUE(header) << header.error().message;
        EXPECT_EQ(header->dataOffset, total);
    }
    const std::string cut =
        dir.write("cut.npy", npyHeader(npyDict("<u2", "(2, 3)"), 2, 65536).substr(0, 60000));
    const UniqueFd fd(::open(cut.c_str(), O_RDONLY));
    EXPECT_FALSE(readNpyHeader(fd.get(), cut));
}

TEST(NpyHeader, ReportsAReadError)
{
    const UniqueFd directory(::open(testing::TempDir().c_str(), O_RDONLY | O_DIRECTORY));
    const auto header = readNpyHeader(directory.get(), "dir");
    ASSERT_FALSE(header);
    EXPECT_EQ(header.error().code, Errc::Io);
    EXPECT_EQ(header.error().sysErrno, EISDIR);
    EXPECT_TRUE(header.error().message.starts_with("dir: "));
}

} // namespace dmaslab
