// shared_object.hpp: whether a file is a shared object that this machine can load, in better words than the loader's;
// and which of those that were loaded brought an engine of its own.
#pragma once

#include <filesystem>
#include <string>

namespace vmbsave::bench {

// Empty, or what the file is instead and what was expected.
std::string object_fault(const std::filesystem::path& file);

// What the loader said of the file, in words for whoever built it.
std::string loader_fault(const std::filesystem::path& file, std::string said);

// The file of a loaded object, other than the one that `program` lies in, with the engine's ELF note
// (base/engine_note.hpp); empty: there is none.
std::string object_with_engine(const void* program);

}  // namespace vmbsave::bench
