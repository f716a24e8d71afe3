#include "cli/output_file.h"

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include <gtest/gtest.h>
#include <unistd.h>

#include "core/base/error.h"

namespace orrery::cli {
namespace {

namespace fs = std::filesystem;

class OutputFile : public testing::Test {
 protected:
  void SetUp() override { fs::create_directories(folder_); }
  void TearDown() override { fs::remove_all(folder_); }
  std::string File(const std::string& name) const { return (folder_ / name).string(); }
  fs::path folder_ = fs::temp_directory_path() / ("orrery_output_file_test_" + std::to_string(getpid()));
};

TEST_F(OutputFile, DistinctPathsAndAbsentOnesAreAccepted) {
  EXPECT_NO_THROW(RequireDistinct({}, {}));
  EXPECT_NO_THROW(RequireDistinct({File("in"), "", "-"}, {File("a"), File("b"), "", "", "-"}));
  EXPECT_NO_THROW(RequireDistinct({File("in"), File("in")}, {File("out")})) << "one input may be read twice";
}

TEST_F(OutputFile, DevicesMayBeWrittenTwice) {
  EXPECT_NO_THROW(RequireDistinct({"/dev/null"}, {"/dev/null", "/dev/null"}));
}

TEST_F(OutputFile, OneFileIsOneFileWhateverItsSpelling) {
  std::ofstream(File("in")) << "x";
  fs::create_symlink(File("in"), File("link"));
  fs::create_directory_symlink(folder_, File("again"));
  for (const char* other : {"in", "./in", "link", "again/in", "none/../in"}) {
    EXPECT_THROW(RequireDistinct({File("in")}, {File(other)}), InputError) << other;
    EXPECT_THROW(RequireDistinct({}, {File("in"), File(other)}), InputError) << other;
  }
  EXPECT_THROW(RequireDistinct({}, {File("new"), File("./new")}), InputError) << "neither is there yet";
}

TEST_F(OutputFile, ARelativePathIsTheAbsoluteOne) {
  EXPECT_THROW(RequireDistinct({"new"}, {(fs::current_path() / "new").string()}), InputError);
}

TEST_F(OutputFile, StandardOutputIsGivenOnce) {
  EXPECT_THROW(RequireDistinct({}, {"-", File("a"), "-"}), InputError);
}

TEST_F(OutputFile, NoFileAppearsIfOneCannotBeWritten) {
  std::ofstream(File("old")) << "old";
  EXPECT_THROW(WriteOutputs({{File("old"), "new"}, {File("a"), "a"}, {File("none/b"), "b"}}), InputError);
  EXPECT_THROW(WriteOutputs({{File("old"), "new"}, {"/dev/full", "b"}}), InputError);
  EXPECT_EQ(std::distance(fs::directory_iterator(folder_), {}), 1);
  std::string text;
  std::ifstream(File("old")) >> text;
  EXPECT_EQ(text, "old");
}

TEST_F(OutputFile, ALinkIsWrittenThrough) {
  fs::create_directories(File("real"));
  std::ofstream(File("real/a")) << "old";
  fs::create_symlink("real/a", File("a"));
  fs::create_symlink("a", File("link to a link"));
  fs::create_symlink("real/new", File("b"));
  WriteOutputs({{File("link to a link"), "new"}, {File("b"), "not there before"}});
  EXPECT_TRUE(fs::is_symlink(File("a")) && fs::is_symlink(File("b")));
  std::string text;
  std::ifstream(File("real/a")) >> text;
  EXPECT_EQ(text, "new");
  EXPECT_TRUE(fs::is_regular_file(File("real/new")));
  fs::create_symlink("turning", File("turning"));
  EXPECT_THROW(WriteOutput(File("turning"), "x"), InputError);
}

TEST_F(OutputFile, AFullStandardOutputIsNoticedAndNothingElseIsWritten) {
  std::fflush(stdout);
  const int saved = ::dup(STDOUT_FILENO);
  ASSERT_NE(std::freopen("/dev/full", "w", stdout), nullptr);
  EXPECT_THROW(WriteOutputs({{"-", "text"}, {File("a"), "a"}}), InputError);
  std::clearerr(stdout);
  ::dup2(saved, STDOUT_FILENO);
  ::close(saved);
  EXPECT_FALSE(fs::exists(File("a")));
}

TEST_F(OutputFile, AReportRendersWhatIsAskedForAlone) {
  Report report;
  report.Add("", []() -> std::string { throw InputError("rendered"); });
  report.Add(File("a"), [] { return std::string("a"); });
  testing::internal::CaptureStdout();
  report.AddText([] { return std::string("text"); });
  report.Write();
  EXPECT_EQ(testing::internal::GetCapturedStdout(), "text");
  EXPECT_TRUE(fs::exists(File("a")));
}

TEST_F(OutputFile, AFormatOnStandardOutputTakesThePlaceOfTheText) {
  Report report;
  report.Add("-", [] { return std::string("json"); });
  report.AddText([] { return std::string("text"); });
  testing::internal::CaptureStdout();
  report.Write();
  EXPECT_EQ(testing::internal::GetCapturedStdout(), "json");
}

}  // namespace
}  // namespace orrery::cli
