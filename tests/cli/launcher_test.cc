// The launcher script in a checkout of its own: build tools are stand-ins, the program tells how it was
// called.
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>

#include <gmock/gmock.h>
#include <sys/wait.h>
#include <unistd.h>

namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using testing::Not;

class Launcher : public testing::Test {
 protected:
  void SetUp() override {
    fs::create_directories(checkout_ / "build" / "run" / "cli");
    fs::create_directories(folder_ / "tools");
    fs::create_directories(folder_ / "bin");
    fs::copy_file(fs::path(ORRERY_SOURCE_DIR) / "orrery", checkout_ / "orrery");
    Script(checkout_ / "build/run/cli/orrery", "echo \"home=$ORRERY_HOME words=$*\"");
    Script(folder_ / "tools/dpkg-query", "echo installed");
    Script(folder_ / "tools/cmake", "echo \"[7/9] $*\"");
    fs::create_symlink(checkout_ / "orrery", folder_ / "bin" / "orrery");
  }
  void TearDown() override {
    fs::permissions(checkout_ / "build/run", fs::perms::owner_all);
    fs::remove_all(folder_);
  }
  static void Script(const fs::path& file, const std::string& text) {
    std::ofstream(file) << "#!/bin/sh\n" << text << "\n";
    fs::permissions(file, fs::perms(0755));
  }
  /// Output and error of a line of shell, and its exit code.
  std::string Shell(const std::string& line) {
    const std::string tools = "unset ORRERY_HOME; PATH='" + (folder_ / "tools").string() + "':$PATH; ";
    std::FILE* pipe = popen((tools + line + " 2>&1").c_str(), "r");
    std::string text;
    for (int c = std::fgetc(pipe); c != EOF; c = std::fgetc(pipe)) text += static_cast<char>(c);
    code_ = WEXITSTATUS(pclose(pipe));
    return text;
  }
  std::string Expected(const std::string& words) const {
    return "home=" + checkout_.string() + " words=" + words + "\n";
  }

  fs::path folder_ =
      fs::canonical(fs::temp_directory_path()) / ("orrery_launcher_" + std::to_string(getpid()));
  fs::path checkout_ = folder_ / "a checkout";
  int code_ = 0;
};

TEST_F(Launcher, RunsTheProgramOfItsOwnCheckout) {
  EXPECT_EQ(Shell("'" + (checkout_ / "orrery").string() + "' run 'a b'"),
            "orrery: building, this takes a few minutes the first time\n" + Expected("run a b"));
  EXPECT_EQ(code_, 0);
}

TEST_F(Launcher, FollowsTheLinkItWasCalledBy) {
  EXPECT_THAT(Shell((folder_ / "bin/orrery").string() + " list"), HasSubstr(Expected("list")));
  EXPECT_THAT(Shell("cd / && PATH=" + (folder_ / "bin").string() + ":$PATH orrery list"),
              HasSubstr(Expected("list")));
}

TEST_F(Launcher, DoesNotLookInCdpath) {
  const std::string there = "cd '" + folder_.string() + "' && export CDPATH='" + folder_.string() + "' && ";
  EXPECT_THAT(Shell(there + "'a checkout/orrery' list"), HasSubstr(Expected("list")));
}

TEST_F(Launcher, AHomeThatIsSetStays) {
  EXPECT_THAT(Shell("ORRERY_HOME=/elsewhere '" + (checkout_ / "orrery").string() + "' list"),
              HasSubstr("home=/elsewhere words=list"));
}

TEST_F(Launcher, AFailedBuildShowsItsLog) {
  Script(folder_ / "tools/cmake", "echo 'no compiler'; exit 1");
  EXPECT_THAT(
      Shell("'" + (checkout_ / "orrery").string() + "' list"),
      testing::AllOf(HasSubstr("no compiler"), HasSubstr("the build failed"), Not(HasSubstr("words="))));
  EXPECT_EQ(code_, 70);
}

/// Runs as somebody who may not write there; root may write anywhere.
class ReadOnlyLauncher : public Launcher {
 protected:
  std::string Run(const std::string& words) {
    const std::string as_nobody = "setpriv --reuid=65534 --regid=65534 --clear-groups ";
    const std::string call = "bash '" + (checkout_ / "orrery").string() + "' " + words;
    return Shell(getuid() == 0 ? as_nobody + call : call);
  }
  void SetUp() override {
    Launcher::SetUp();
    fs::permissions(checkout_ / "build/run", fs::perms(0555));
    fs::permissions(checkout_ / "build", fs::perms(0555));
    // A build would be seen: this is no compiler.
    Script(folder_ / "tools/cmake", "echo 'built after all'; exit 1");
    if (getuid() == 0 && std::system("setpriv --version >/dev/null 2>&1") != 0)
      GTEST_SKIP() << "no setpriv to run as somebody else";
  }
  void TearDown() override {
    fs::permissions(checkout_ / "build", fs::perms::owner_all);
    Launcher::TearDown();
  }
};

TEST_F(ReadOnlyLauncher, RunsWhatIsBuilt) {
  EXPECT_EQ(Run("list"), Expected("list"));
  EXPECT_EQ(code_, 0);
}

TEST_F(ReadOnlyLauncher, SaysThatItCannotBuild) {
  fs::permissions(checkout_ / "build/run", fs::perms::owner_all);
  fs::remove(checkout_ / "build/run/cli/orrery");
  fs::permissions(checkout_ / "build/run", fs::perms(0555));
  EXPECT_THAT(Run("list"), HasSubstr("cannot write to " + (checkout_ / "build/run").string()));
  EXPECT_EQ(code_, 77);
}

}  // namespace
