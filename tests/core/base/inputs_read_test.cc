#include "core/base/inputs_read.h"

#include <filesystem>
#include <fstream>
#include <string>

#include <gmock/gmock.h>
#include <unistd.h>

#include "core/base/file.h"
#include "core/base/foreign_file.h"
#include "tests/core/input_error.h"

namespace orrery {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

class InputsReadTest : public testing::Test {
 protected:
  void SetUp() override {
    fs::create_directories(folder_);
    std::ofstream(File("in")) << "given";
  }
  void TearDown() override { fs::remove_all(folder_); }
  std::string File(const std::string& name) const { return (folder_ / name).string(); }
  fs::path folder_ = fs::temp_directory_path() / ("orrery_inputs_read_test_" + std::to_string(getpid()));
};

TEST_F(InputsReadTest, WhatWasReadIsNotReplacedByWhateverName) {
  fs::create_symlink(File("in"), File("link"));
  fs::create_hard_link(File("in"), File("hard"));
  const InputsRead inputs;
  EXPECT_NO_THROW(RefuseInputs({File("in"), "", "-"})) << "nothing is read yet";
  EXPECT_EQ(ReadFile(File("in"), 100), "given");
  for (const char* name : {"in", "link", "hard"}) {
    EXPECT_THAT(ErrorOf([&] { WriteOutput(File(name), "x"); }), HasSubstr("would overwrite the input"));
    EXPECT_THAT(ErrorOf([&] {
                  RefuseInputs({"", "-", File(name)});
                }),
                HasSubstr("would overwrite the input"));
  }
  EXPECT_EQ(ReadFile(File("in"), 100), "given");
}

TEST_F(InputsReadTest, NothingIsWrittenWhereOneOutputWasRead) {
  const InputsRead inputs;
  EXPECT_EQ(ReadStart(File("in"), 2), "gi");
  EXPECT_THROW(WriteOutputs({{File("out"), "x"}, {File("in"), "x"}}), InputError);
  EXPECT_FALSE(fs::exists(File("out")));
}

TEST_F(InputsReadTest, AChangedTextMayReplaceWhatItWasMadeOf) {
  const InputsRead inputs;
  const std::string text = ReadFile(File("in"), 100);
  WriteOutputs({{File("in"), text + " and changed", true}});
  EXPECT_EQ(ReadFile(File("in"), 100), "given and changed");
}

TEST_F(InputsReadTest, EveryReaderNotesWhatItOpens) {
  const InputsRead inputs;
  RefuseForeignFile(File("in"));
  EXPECT_EQ(InputThatIs(File("in")), File("in"));
  EXPECT_EQ(InputThatIs(File("none")), std::nullopt);
  NoteInput(folder_);
  EXPECT_EQ(InputThatIs(folder_), std::nullopt) << "no regular file";
}

TEST_F(InputsReadTest, WithoutOneNothingIsRemembered) {
  { const InputsRead inputs; }
  EXPECT_EQ(ReadFile(File("in"), 100), "given");
  EXPECT_NO_THROW(WriteOutput(File("in"), "x"));
}

}  // namespace
}  // namespace orrery
