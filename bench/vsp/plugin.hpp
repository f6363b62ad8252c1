// plugin.hpp: a VSP that its author brings as a shared object: vmbsave/vsp.h says how it is built.
#pragma once

#include <filesystem>
#include <memory>
#include <stdexcept>
#include <string>

#include "vmbsave/vsp.h"

namespace vmbsave::bench {

// The object is not one that can be used. what(): one line: the file, what is wrong with it, what was expected or what
// to do.
class PluginError : public std::runtime_error {
  using std::runtime_error::runtime_error;
};

// Loaded until it is destroyed: nothing of the VSP may be in use then. The object's calls go to the functions of kmcl.h
// and kmcl_ext.h that the program exports, as one does that links vmbsave_plugin.
class Plugin {
 public:
  // Runs the object's constructors, and its factory. Throws PluginError.
  explicit Plugin(const std::filesystem::path& file);
  ~Plugin();
  Plugin(const Plugin&) = delete;

  // Complete: version, size, name and the functions that are asked for were looked at.
  const VMBS_VSP& vsp() const noexcept { return *vsp_; }

 private:
  struct Close {
    void operator()(void* object) const noexcept;
  };
  const std::unique_ptr<void, Close> object_;
  const VMBS_VSP* vsp_ = nullptr;
};

}  // namespace vmbsave::bench
