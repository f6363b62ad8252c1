// corpus_text.cpp: small traces of each text format, and damaged ones.
#include "fuzz/corpus.hpp"

namespace vmbsave::fuzz {
namespace {

struct Text {
  const char* name;
  std::string text;
};

std::vector<Text> mqsim_texts() {
  return {{"mqsim", "938513000 4 264719034 16 0\n938828000 3 197570570 16 1\n938944000 4 93230992 1 0\n"},
          {"mqsim_unsorted", "9 0 8 1 1\n5 1 8 1 0\r\n7 0 8 0 1\n"},
          {"mqsim_long", "1 0 36028797018963967 8388607 1\n"},
          {"mqsim_late", "9223372036854775807 0 1 1 1\n9223372036854775808 0 1 1 1\n"},
          {"mqsim_operation", "1 0 1 1 1\n1 0 1 1 2\n"}};
}

std::vector<Text> msr_texts() {
  return {{"msr", "128166372003061629,hm,1,Read,2517700608,24576,4011\n128166372016382155,usr,0,Write,383,700,5553\n"},
          {"msr_header", "Timestamp,Hostname,DiskNumber,Type,Offset,Size,ResponseTime\r\n7,h,0,Read,0,512,5\r\n"},
          {"msr_header_alone", "Timestamp,Hostname,DiskNumber,Type,Offset,Size,ResponseTime\n"},
          {"msr_mark",
           "\xef\xbb\xbf"
           "5,h,0,Write,0,512,5"},
          {"msr_far_apart", "0,h,0,Read,0,1,0\n46116860184273880,h,0,Read,0,1,0\n"},
          {"msr_response", "1,h,0,Read,0,1,18446744073709551615\n"},
          {"msr_end", "1,h,0,Read,18446744073709551615,1,0\n"},
          {"msr_size", "1,h,0,Read,511,4294967295,0\n"},
          {"msr_field", "1,h,0,Read,0,1,0\n1,h,0,Read,0,1\n"}};
}

std::vector<Text> fio_texts() {
  const std::string v2 = "fio version 2 iolog\n";
  const std::string v3 = "fio version 3 iolog\n";
  return {
      {"fio_2", v2 + "/f add\n/f open\n/f read 0 4096\n/f wait 300 0\n/f trim 4096 100\n/f sync 0 0\n/f close\n"},
      {"fio_2_waits", v2 + "/f read 0 1\n/f wait 9223372036854775 0\n/g write 0 1\n/f wait 1 0\n"},
      {"fio_3", v3 + "2 /f add\n872 /f open\n878 /f write 512 16384\n5 /g datasync 0 0\n6 /g read 9 9\n7 /f close\n"},
      {"fio_3_wait", v3 + "1 /f wait 5 0\n"},
      {"fio_3_late", v3 + "9223372036854776 /f read 0 1\n"},
      {"fio_3_without_time", v3 + "/f read 0 1\n"},
      {"fio_head_alone", v2},
      {"fio_1", "fio version 1 iolog\n"}};
}

}  // namespace

std::vector<Seed> text_seeds() {
  std::vector<Seed> seeds;
  for (const auto& texts : {mqsim_texts(), msr_texts(), fio_texts()}) {
    for (const Text& text : texts) seeds.push_back({text.name, bytes_of(text.text)});
  }
  seeds.push_back({"blank_lines", bytes_of("\n \t\n\r\n1 0 1 1 1\n\n")});
  seeds.push_back({"endless", bytes_of("1 0 1 1 1\n" + std::string(1100, '1'))});
  seeds.push_back({"empty", {}});
  return seeds;
}

}  // namespace vmbsave::fuzz
