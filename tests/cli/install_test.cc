// Orrery installed into a folder of its own, and as a Debian package unpacked elsewhere: it runs from there.
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>

#include <gmock/gmock.h>
#include <sys/wait.h>
#include <unistd.h>

namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::HasSubstr;

class Install : public testing::Test {
 protected:
  void SetUp() override { fs::create_directories(folder_); }
  void TearDown() override { fs::remove_all(folder_); }
  /// Output and error of a line of shell from the folder, without ORRERY_HOME; it is expected to succeed.
  std::string Shell(const std::string& line) {
    std::FILE* pipe =
        popen(("cd '" + folder_.string() + "' && unset ORRERY_HOME && { " + line + "; } 2>&1").c_str(), "r");
    std::string text;
    for (int c = std::fgetc(pipe); c != EOF; c = std::fgetc(pipe)) text += static_cast<char>(c);
    const int status = pclose(pipe);
    EXPECT_EQ(WEXITSTATUS(status), 0) << line << "\n" << text;
    return text;
  }
  /// The program below `prefix` answers from the data there, and from nowhere else.
  void ExpectRunsFrom(const fs::path& prefix) {
    const std::string orrery = "'" + (prefix / "bin/orrery").string() + "' ";
    const fs::path share = prefix / "share/orrery";
    fs::copy_file(share / "models/data/deepseek-v3.yaml", share / "models/data/only-here.yaml");
    EXPECT_THAT(Shell(orrery + "list"),
                AllOf(HasSubstr("\n  only-here "), HasSubstr("\n  h800-2048 "),
                      HasSubstr("\n  deepseek-v3-pretraining "), HasSubstr("\n  deepgemm-2025-04 ")));
    EXPECT_THAT(Shell(orrery + "run --quick --fold deepseek-v3-pretraining"), HasSubstr("optimizer step"));
    EXPECT_THAT(
        Shell(orrery + "run --quick --fold '" + (share / "docs/examples/own-hardware.yaml").string() + "'"),
        HasSubstr("optimizer step"));
    EXPECT_TRUE(fs::is_regular_file(prefix / "share/man/man1/orrery.1"));
    EXPECT_GT(fs::file_size(prefix / "share/bash-completion/completions/orrery"), 1000u);
    EXPECT_TRUE(fs::is_regular_file(prefix / "share/doc/orrery/copyright"));
  }

  fs::path folder_ =
      fs::canonical(fs::temp_directory_path()) / ("orrery install " + std::to_string(getpid()));
};

TEST_F(Install, RunsFromItsPrefix) {
  Shell("'" ORRERY_CMAKE "' --install '" ORRERY_BUILD_DIR "' --prefix p --component orrery");
  ExpectRunsFrom(folder_ / "p");
}

TEST_F(Install, APackageNamesWhatItNeedsAndRunsWithoutTheTree) {
#ifdef __SANITIZE_ADDRESS__
  GTEST_SKIP() << "a package of a build with sanitizers is nobody's";
#endif
  if (std::system("command -v dpkg-deb dpkg-shlibdeps >/dev/null") != 0 || !fs::exists(ORRERY_CPACK))
    GTEST_SKIP() << "no dpkg-deb, dpkg-shlibdeps or cpack";
  Shell("'" ORRERY_CPACK "' --config '" ORRERY_BUILD_DIR
        "/CPackConfig.cmake' -G DEB -B . && mv orrery_*.deb o.deb");
  EXPECT_THAT(Shell("dpkg-deb -f o.deb Depends"),
              AllOf(HasSubstr("libc6 (>="), HasSubstr("libstdc++6 (>="), HasSubstr("libfmt"),
                    HasSubstr("libtbb"), HasSubstr("libyaml-cpp"), HasSubstr("zlib1g")));
  Shell("dpkg-deb -x o.deb root");
  ExpectRunsFrom(folder_ / "root/usr");
}

}  // namespace
