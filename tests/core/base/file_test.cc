#include "core/base/file.h"

#include <array>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <thread>

#include <gmock/gmock.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/core/input_error.h"

namespace orrery {
namespace {

namespace fs = std::filesystem;
using testing::EndsWith;
using testing::HasSubstr;

class Files : public testing::Test {
 protected:
  void SetUp() override { fs::create_directories(folder_); }
  void TearDown() override {
    fs::permissions(folder_, fs::perms::owner_all);
    fs::remove_all(folder_);
  }
  std::string File(const std::string& name) const { return (folder_ / name).string(); }
  std::string Text(const std::string& name) const {
    std::ifstream stream(File(name), std::ios::binary);
    return {std::istreambuf_iterator<char>(stream), {}};
  }
  void Put(const std::string& name, const std::string& text) const {
    std::ofstream(File(name), std::ios::binary) << text;
  }
  /// Names in the folder, hidden ones too.
  std::vector<std::string> Names() const {
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(folder_)) names.push_back(entry.path().filename());
    return names;
  }
  mode_t Mode(const std::string& name) const {
    struct stat status {};
    EXPECT_EQ(::stat(File(name).c_str(), &status), 0);
    return status.st_mode & 07777;
  }
  fs::path folder_ = fs::temp_directory_path() / ("orrery_file_test_" + std::to_string(getpid()));
};

/// Standard output on `fd` while it lives.
class StandardOutputOn {
 public:
  explicit StandardOutputOn(int fd) : saved_(::dup(STDOUT_FILENO)) {
    std::fflush(stdout);
    ::dup2(fd, STDOUT_FILENO);
  }
  ~StandardOutputOn() {
    ::dup2(saved_, STDOUT_FILENO);
    ::close(saved_);
  }
  StandardOutputOn(const StandardOutputOn&) = delete;
  StandardOutputOn& operator=(const StandardOutputOn&) = delete;

 private:
  int saved_;
};

using ReadFileTest = Files;

TEST_F(ReadFileTest, GivesEveryByteUpToTheLimit) {
  const std::string text("a\0b\xff\n", 5);
  Put("f", text);
  EXPECT_EQ(ReadFile(File("f"), 5), text);
  EXPECT_THAT(ErrorOf([&] { ReadFile(File("f"), 4); }), HasSubstr("larger than"));
  EXPECT_EQ(ReadStart(File("f"), 2), std::string("a\0", 2));
  EXPECT_EQ(ReadStart(File("f"), 99), text);
  EXPECT_EQ(ReadStart(File("none"), 99), "");
}

TEST_F(ReadFileTest, SaysWhyAFileCannotBeRead) {
  fs::create_symlink("loop", File("loop"));
  ASSERT_EQ(::mkfifo(File("pipe").c_str(), 0600), 0);
  EXPECT_EQ(ErrorOf([&] { ReadFile(File("none"), 9); }), File("none") + ": no such file");
  EXPECT_EQ(ErrorOf([&] { ReadFile(folder_, 9); }), folder_.string() + ": not a regular file");
  EXPECT_EQ(ErrorOf([&] { ReadFile(File("pipe"), 9); }), File("pipe") + ": not a regular file");
  EXPECT_THAT(ErrorOf([&] { ReadFile(File("loop"), 9); }), EndsWith("Too many levels of symbolic links"));
  EXPECT_THAT(ErrorOf([&] { ReadFile(File(std::string(300, 'n')), 9); }), EndsWith("File name too long"));
  EXPECT_THAT(ErrorOf([] { ReadFile("/proc/self/mem", 9); }), EndsWith("cannot be read: Input/output error"));
}

TEST_F(ReadFileTest, LookingAtAPipeTakesNothingFromItsReader) {
  const std::string pipe = File("pipe");
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  std::atomic<bool> opened = false;
  std::thread writer([&] {
    std::ofstream stream(pipe);  // waits until somebody opens it to read
    opened = true;
    stream << "all of it";
  });
  for (int i = 0; i < 200; ++i) {
    EXPECT_EQ(ReadStart(pipe, 4), "");
    EXPECT_THROW(ReadFile(pipe, 100), InputError);
    std::this_thread::sleep_for(std::chrono::microseconds(100));
  }
  EXPECT_FALSE(opened);
  if (opened) return writer.join();  // nothing would ever come
  std::ifstream reader(pipe);
  EXPECT_EQ(std::string(std::istreambuf_iterator<char>(reader), {}), "all of it");
  writer.join();
}

TEST_F(ReadFileTest, TextIsUtf8) {
  Put("8", "\xef\xbb\xbflayer,caf\u00e9\n");
  EXPECT_EQ(ReadTextFile(File("8"), 99), "\xef\xbb\xbflayer,caf\u00e9\n");
  Put("16", std::string("\xff\xfe"
                        "a\0\n\0",
                        6));
  EXPECT_THAT(ErrorOf([&] { ReadTextFile(File("16"), 99); }), HasSubstr("is UTF-16, expected UTF-8"));
}

using WriteFile = Files;

TEST_F(WriteFile, TheModeOfWhatIsReplacedStays) {
  for (const mode_t mode : {0600, 0640, 0664, 0755}) {
    Put("old", "old");
    ASSERT_EQ(::chmod(File("old").c_str(), mode), 0);
    WriteOutput(File("old"), "new");
    EXPECT_EQ(Mode("old"), mode);
    EXPECT_EQ(Text("old"), "new");
  }
}

TEST_F(WriteFile, ANewFileHasTheModeTheMaskLeaves) {
  const mode_t mask = ::umask(0027);
  WriteOutput(File("new"), "x");
  ::umask(mask);
  EXPECT_EQ(Mode("new"), 0640u);
}

TEST_F(WriteFile, AFileThatMayNotBeWrittenIsNotReplaced) {
  if (::geteuid() == 0) GTEST_SKIP() << "root may write everything";
  Put("old", "old");
  ASSERT_EQ(::chmod(File("old").c_str(), 0444), 0);
  EXPECT_THAT(ErrorOf([&] { WriteOutput(File("old"), "new"); }), EndsWith("Permission denied"));
  EXPECT_EQ(Text("old"), "old");
}

TEST_F(WriteFile, TheReasonIsSaid) {
  Put("file", "");
  EXPECT_EQ(ErrorOf([&] { WriteOutput(File("none/x"), "x"); }),
            "cannot write '" + File("none/x") + "': No such file or directory");
  EXPECT_THAT(ErrorOf([&] { WriteOutput(File("file/x"), "x"); }), EndsWith("Not a directory"));
  EXPECT_THAT(ErrorOf([&] { WriteOutput(folder_.string(), "x"); }), EndsWith("Is a directory"));
  EXPECT_THAT(ErrorOf([&] { WriteOutput("/dev/full", "x"); }), EndsWith("No space left on device"));
  EXPECT_THAT(ErrorOf([&] { WriteOutput(File(std::string(300, 'n')), "x"); }),
              EndsWith("File name too long"));
  EXPECT_THAT(ErrorOf([] { WriteOutput("", "x"); }), HasSubstr("cannot write ''"));
  EXPECT_THAT(Names(), testing::ElementsAre("file"));
}

// Whoever may write into the folder could have planted links under names that can be guessed: the temporary's
// would be followed and what they point to overwritten.
TEST_F(WriteFile, NamesOfTemporariesCannotBeGuessed) {
  Put("victim", "precious");
  fs::create_directories(File("out"));
  for (pid_t pid = getpid(); pid < getpid() + 3; ++pid) {
    for (const char* pattern : {".tmp", ".part"})
      fs::create_symlink(File("victim"), File("out/r.json" + std::string(pattern) + std::to_string(pid)));
  }
  WriteOutput(File("out/r.json"), "result");
  EXPECT_EQ(Text("victim"), "precious");
  EXPECT_EQ(Text("out/r.json"), "result");
  EXPECT_FALSE(fs::is_symlink(File("out/r.json")));
}

TEST_F(WriteFile, APipeWithoutAReaderLeavesNothingBehind) {
  std::array<int, 2> ends{};
  ASSERT_EQ(::pipe(ends.data()), 0);
  ::close(ends[0]);
  std::string error;
  {
    const StandardOutputOn broken(ends[1]);
    error = ErrorOf([&] { WriteOutputs({{"-", "text"}, {File("a.json"), "{}"}}); });
  }
  ::close(ends[1]);
  EXPECT_EQ(error, "cannot write to standard output: Broken pipe");
  EXPECT_THAT(Names(), testing::IsEmpty());
}

TEST_F(WriteFile, TheSignalOfAPipeIsWhatItWas) {
  struct sigaction before {
  }, after{};
  ::sigaction(SIGPIPE, nullptr, &before);
  WriteOutput(File("a"), "x");
  ::sigaction(SIGPIPE, nullptr, &after);
  EXPECT_EQ(before.sa_handler, after.sa_handler);
}

TEST_F(WriteFile, ATextLongerThanAnyBufferIsWhole) {
  const std::string text(std::size_t{3} << 20, 'x');
  WriteOutput(File("long"), text);
  EXPECT_EQ(Text("long"), text);
}

}  // namespace
}  // namespace orrery
