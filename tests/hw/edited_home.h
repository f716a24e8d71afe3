// A copy of the data that Orrery reads, with one text changed: what a user has who edits a data sheet or a
// table of measurements.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include <gtest/gtest.h>
#include <unistd.h>

#include "core/config/resources.h"

namespace orrery {

class EditedHome {
 public:
  /// In `file`, a path below the root, the first `from` becomes `to`; a failed test if there is none.
  EditedHome(const std::string& file, const std::string& from, const std::string& to) {
    namespace fs = std::filesystem;
    const fs::path source = ResourceRoot();
    for (const char* folder : {"hw/data", "models/data", "scenarios"}) {
      fs::create_directories((home_ / folder).parent_path());
      fs::copy(source / folder, home_ / folder, fs::copy_options::recursive);
    }
    Replace(file, from, to);
    ::setenv("ORRERY_HOME", home_.c_str(), 1);
  }
  ~EditedHome() {
    ::unsetenv("ORRERY_HOME");
    std::filesystem::remove_all(home_);
  }
  EditedHome(const EditedHome&) = delete;
  EditedHome& operator=(const EditedHome&) = delete;

 private:
  void Replace(const std::string& file, const std::string& from, const std::string& to) const {
    std::ifstream in(home_ / file);
    std::string text{std::istreambuf_iterator<char>(in), {}};
    const std::size_t at = text.find(from);
    ASSERT_NE(at, std::string::npos) << file << " holds no '" << from << "'";
    text.replace(at, from.size(), to);
    std::ofstream(home_ / file) << text;
  }

  std::filesystem::path home_ =
      std::filesystem::path(::testing::TempDir()) / ("orrery-home-" + std::to_string(::getpid()));
};

}  // namespace orrery
