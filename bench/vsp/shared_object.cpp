#include "vsp/shared_object.hpp"

#include <elf.h>
#include <fmt/format.h>
#include <link.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <span>
#include <string_view>

#include "base/bytes.hpp"

namespace vmbsave::bench {
namespace {

#if defined(__x86_64__)
constexpr std::uint16_t kMachine = EM_X86_64;
constexpr const char* kMachineName = "x86-64";
#elif defined(__aarch64__)
constexpr std::uint16_t kMachine = EM_AARCH64;
constexpr const char* kMachineName = "aarch64";
#else
#error "no name for this machine"
#endif

constexpr const char* kHowToLink = "link it with 'cc -shared -fPIC'";

// ---- a file ------------------------------------------------------------------------------------------------------

std::string header_fault(const Elf64_Ehdr& header) {
  if (header.e_ident[EI_CLASS] != ELFCLASS64 || header.e_ident[EI_DATA] != ELFDATA2LSB ||
      header.e_machine != kMachine) {
    return fmt::format("it is for another machine (ELF machine {}, {} bits), expected one for this one: {}, 64 bits",
                       header.e_machine, header.e_ident[EI_CLASS] == ELFCLASS64 ? 64 : 32, kMachineName);
  }
  if (header.e_type == ET_REL) return fmt::format("it is an object file, expected a shared object: {}", kHowToLink);
  if (header.e_type != ET_DYN)
    return fmt::format("it is no shared object (ELF type {}): {}", header.e_type, kHowToLink);
  return {};
}

// The loader maps what the headers say, and whoever touches what the file does not have is killed.
bool is_whole(std::ifstream& in, const Elf64_Ehdr& header, std::uint64_t bytes) {
  if (header.e_phentsize != sizeof(Elf64_Phdr)) return false;
  in.seekg(static_cast<std::streamoff>(header.e_phoff));
  for (int i = 0; i < header.e_phnum; ++i) {
    Elf64_Phdr part{};
    if (!in.read(reinterpret_cast<char*>(&part), sizeof part)) return false;
    if (part.p_type == PT_LOAD && (part.p_offset > bytes || part.p_filesz > bytes - part.p_offset)) return false;
  }
  return true;
}

// What stands between `mark` and the next comma or space; empty: no mark is there.
std::string word_behind(const std::string& text, std::string_view mark) {
  const std::size_t at = text.find(mark);
  if (at == std::string::npos) return {};
  const std::size_t start = at + mark.size();
  return text.substr(start, text.find_first_of(", ", start) - start);
}

// ---- what was loaded ---------------------------------------------------------------------------------------------

// Whether these notes, of a segment with such alignment, have the engine's.
bool has_engine_note(std::span<const std::byte> notes, std::size_t alignment) {
  constexpr std::string_view kName("vmbsave", 8);
  while (notes.size() > sizeof(Elf64_Nhdr)) {
    Elf64_Nhdr head;
    std::memcpy(&head, notes.data(), sizeof head);
    const std::uint64_t name_end = sizeof head + std::uint64_t{head.n_namesz};
    const std::uint64_t next = base::align_up(base::align_up(name_end, alignment) + head.n_descsz, alignment);
    if (name_end > notes.size()) return false;
    if (head.n_namesz == kName.size() && std::memcmp(notes.data() + sizeof head, kName.data(), kName.size()) == 0) {
      return true;
    }
    if (next >= notes.size()) return false;
    notes = notes.subspan(next);
  }
  return false;
}

bool holds(const dl_phdr_info& object, std::uintptr_t address, std::uint64_t bytes) {
  for (int i = 0; i < object.dlpi_phnum; ++i) {
    const ElfW(Phdr)& part = object.dlpi_phdr[i];
    const std::uintptr_t start = object.dlpi_addr + part.p_vaddr;
    if (part.p_type == PT_LOAD && address >= start && address - start <= part.p_memsz &&
        bytes <= part.p_memsz - (address - start))
      return true;
  }
  return false;
}

bool has_engine(const dl_phdr_info& object) {
  for (int i = 0; i < object.dlpi_phnum; ++i) {
    const ElfW(Phdr)& part = object.dlpi_phdr[i];
    const std::uintptr_t start = object.dlpi_addr + part.p_vaddr;
    if (part.p_type != PT_NOTE || !holds(object, start, part.p_memsz)) continue;
    const std::span notes(reinterpret_cast<const std::byte*>(start), part.p_memsz);
    if (has_engine_note(notes, part.p_align == 8 ? 8 : 4)) return true;
  }
  return false;
}

struct Search {
  std::uintptr_t program;
  std::string found;
};

int look_at(dl_phdr_info* object, std::size_t, void* context) {
  Search& search = *static_cast<Search*>(context);
  if (holds(*object, search.program, 1) || !has_engine(*object)) return 0;
  search.found = object->dlpi_name;
  return 1;
}

}  // namespace

std::string object_fault(const std::filesystem::path& file) {
  namespace fs = std::filesystem;
  std::error_code error;
  const fs::file_type type = fs::status(file, error).type();
  if (type == fs::file_type::not_found) return "there is no such file, expected the shared object of a VSP";
  if (type == fs::file_type::none) return fmt::format("it cannot be looked at: {}", error.message());
  if (type != fs::file_type::regular) return "it is no regular file, expected the shared object of a VSP";
  std::ifstream in(file, std::ios::binary);
  if (!in) return fmt::format("it cannot be read: {}", std::strerror(errno));
  Elf64_Ehdr header{};
  in.read(reinterpret_cast<char*>(&header), sizeof header);
  if (std::memcmp(header.e_ident, ELFMAG, SELFMAG) != 0) {
    return fmt::format("it is no ELF file, expected the shared object of a VSP: {}", kHowToLink);
  }
  if (in.gcount() != sizeof header) return "it ends within its ELF header: build it again";
  if (std::string fault = header_fault(header); !fault.empty()) return fault;
  const std::uint64_t bytes = fs::file_size(file, error);
  return is_whole(in, header, bytes) ? "" : "it ends before what its ELF header says it has: build it again";
}

std::string loader_fault(const std::filesystem::path& file, std::string said) {
  const std::string symbol = word_behind(said, "undefined symbol: ");
  if (symbol.starts_with("Vmb")) {
    return fmt::format(
        "it needs {}, which is no function of this vmbsave's kmcl.h and kmcl_ext.h: compile it against "
        "these headers",
        symbol);
  }
  if (!symbol.empty()) {
    return fmt::format("it needs {}, which nothing defines: link what does, or keep it out of the object", symbol);
  }
  const std::string itself = file.string() + ": ";
  if (said.starts_with(itself)) said.erase(0, itself.size());
  return fmt::format("it cannot be loaded: {}", said);
}

std::string object_with_engine(const void* program) {
  Search search{reinterpret_cast<std::uintptr_t>(program), {}};
  dl_iterate_phdr(look_at, &search);
  return search.found;
}

}  // namespace vmbsave::bench
