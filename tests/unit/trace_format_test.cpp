// Which format an input is taken for: by its content, or by name.
#include <gtest/gtest.h>

#include "trace_files.hpp"

namespace vmbsave::trace::test {
namespace {

TEST(TraceFormat, NamesAreListedInOrder) {
  EXPECT_EQ(format_names(), "octf, capture, blktrace, vscsi-v1, vscsi-v2, fio-v2, fio-v3, msr, mqsim");
}

TEST(TraceFormat, ByContent) {
  const Scratch scratch;
  const auto format = [&](const std::string& bytes) { return read(scratch.write("trace", bytes)).format; };
  EXPECT_EQ(format(Vscsi{}.v1()), "vscsi-v1");
  EXPECT_EQ(format(Vscsi{}.v2()), "vscsi-v2");
  EXPECT_EQ(format(tar({{"octf.trace.0", Octf{}.submission()}})), "octf");
  EXPECT_EQ(format("fio version 2 iolog\n/f read 0 512\n"), "fio-v2");
  EXPECT_EQ(format("fio version 3 iolog\n0 /f read 0 512\n"), "fio-v3");
  EXPECT_EQ(format("1,h,0,Read,0,512,5\n"), "msr");
  EXPECT_EQ(format("Timestamp,Hostname,DiskNumber,Type,Offset,Size,ResponseTime\n1,h,0,Read,0,512,5\n"), "msr");
  EXPECT_EQ(format("1 0 8 16 1\n"), "mqsim");
}

// The first line decides, and all of it.
TEST(TraceFormat, ALineThatIsNotQuiteOneIsNothingKnown) {
  const Scratch scratch;
  for (const char* const line : {"1 0 8 16 2",           "1 0 8 16",
                                 "1 0 8 16 1 1",         "1 0 -8 16 1",
                                 "1.5 0 8 16 1",         "0x1 0 8 16 1",
                                 "1 0 8 16 1x",          "18446744073709551616 0 8 16 1",
                                 "\n1 0 8 16 1",         "1,h,0,Flush,0,512,5",
                                 "1,h,0,read,0,512,5",   "1,h,0,Read,0,512",
                                 "1,h,0,Read,0,512,5,",  "1,,0,Read,0,512,5",
                                 "1, h,0,Read, 0,512,5", "1;h;0;Read;0;512;5",
                                 "fio version 1 iolog",  "fio version 2 iolog ",
                                 "Fio version 3 iolog",  "fio version 30 iolog"}) {
    expect_error(scratch.write("trace", line + std::string("\n")), {"offset 0: expected an archive"});
  }
}

TEST(TraceFormat, SaysWhatItUnderstands) {
  const Scratch scratch;
  for (const std::string& foreign : {std::string(4096, 'x'),
                                     std::string("\x7f"
                                                 "ELF"),
                                     std::string(600, '\0'), std::string(5000, '1')}) {
    expect_error(scratch.write("foreign", foreign),
                 {"offset 0: expected an archive (tar, tar.xz) or a directory with octf.trace.N files, a pcap",
                  "vSCSI records", "fio", "MSR", "MQSim", "say which with --format: " + format_names()});
  }
  expect_error(scratch.write("elf",
                             "\x7f"
                             "ELF\xff"),
               {"found bytes 7f 45 4c 46 ff"});
  expect_error(scratch.write("empty", ""), {"offset 0: expected", "found an empty file"});
  expect_error(scratch.write("packed.gz", "\x1f\x8b\x08"), {"found a gzip file (unpack it first)"});
}

TEST(TraceFormat, ByNameWhateverTheContentSays) {
  const Scratch scratch;
  const auto numbers = scratch.write("numbers", "1 0 8 16 1\n");
  EXPECT_EQ(read(numbers, {}, "mqsim").requests.size(), 1U);
  expect_error(numbers, {"offset 0: line 1: expected Timestamp,Hostname"}, "msr");
  expect_error(numbers, {"offset 0: line 1: expected 'fio version 2 iolog', found '1 0 8 16 1'"}, "fio-v2");
  expect_error(numbers, {"offset 0: expected a record of 32 bytes"}, "vscsi-v1");
  expect_error(numbers, {"expected an intact tar or tar.xz archive"}, "octf");
  expect_error(numbers, {"offset 0: expected a capture (pcap or pcapng)"}, "capture");

  // A count of scatter elements that has version 2 taken for version 1.
  const auto version2 = scratch.write("v2", Vscsi{.sg_elements = 0x01000000}.v2());
  expect_error(version2, {"offset 0: expected a SCSI read"});
  EXPECT_EQ(read(version2, {}, "vscsi-v2").format, "vscsi-v2");

  for (const char* const format : {"msr", "mqsim"}) {
    expect_error(scratch.write("empty", ""), {"expected reads or writes, found none"}, format);
  }
  expect_error(scratch.write("empty", ""), {"offset 0: line 1: expected 'fio version 3", "the end of the file"},
               "fio-v3");
}

TEST(TraceFormat, UnknownNamesListTheKnownOnes) {
  const Scratch scratch;
  const auto trace = scratch.write("trace", Vscsi{}.v1());
  for (const char* const name : {"vscsi", "OCTF", "octf, capture", " msr"}) {
    expect_error(trace, {"no format '" + std::string(name) + "'; there are: " + format_names()}, name);
  }
}

TEST(TraceFormat, OnlyOctfMayBeADirectory) {
  const Scratch scratch;
  scratch.write("trace/octf.trace.0", Octf{}.submission());
  EXPECT_EQ(read(scratch.path() / "trace", {}, "octf").format, "octf");
  expect_error(scratch.path() / "trace", {"expected a file, as msr is one, found a directory"}, "msr");
  expect_error(scratch.path() / "trace", {"expected"}, "blktrace");
}

TEST(TraceFormat, OnlyACaptureHasAGuest) {
  const Scratch scratch;
  const auto trace = scratch.write("trace", "1 0 8 16 1\n");
  try {
    read(trace, {}, {}, MacAddress{});
    ADD_FAILURE() << "read";
  } catch (const TraceError& error) {
    EXPECT_NE(std::string(error.what()).find("expected a capture, as a guest's address is given, found mqsim"),
              std::string::npos)
        << error.what();
  }
}

TEST(TraceFormat, RefusesWhatIsNotThereOrNoFile) {
  const Scratch scratch;
  expect_error(scratch.path() / "none", {"no such file or directory"});
  expect_error(scratch.path() / std::string(300, 'n'), {"File name too long"});
  expect_error("/dev/null", {"expected a file or a directory"});
  expect_error("/proc/self/mem", {"offset 0: cannot read on: Input/output error"});  // nothing is mapped at 0
}

TEST(TraceFormat, ErrorIsOneLineWhateverTheName) {
  const Scratch scratch;
  const std::string error = error_of(scratch.write("a\nb\x1b", "foreign"));
  EXPECT_NE(error.find("a?b?: offset 0"), std::string::npos) << error;
}

}  // namespace
}  // namespace vmbsave::trace::test
