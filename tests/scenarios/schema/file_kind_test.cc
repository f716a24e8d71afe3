#include "scenarios/schema/file_kind.h"

#include <filesystem>
#include <fstream>
#include <string>

#include <gtest/gtest.h>
#include <unistd.h>

namespace orrery::scenarios {
namespace {

namespace fs = std::filesystem;

const fs::path kSource = ORRERY_SOURCE_DIR;

class FileKindTest : public testing::Test {
 protected:
  void SetUp() override { fs::create_directories(folder_); }
  void TearDown() override { fs::remove_all(folder_); }
  FileKind KindOf(const std::string& name, const std::string& text) const {
    std::ofstream(folder_ / name, std::ios::binary) << text;
    return KindOfFile(folder_ / name);
  }
  fs::path folder_ = fs::temp_directory_path() / ("orrery_file_kind_" + std::to_string(getpid()));
};

TEST_F(FileKindTest, OfWhatComesWithOrrery) {
  EXPECT_EQ(KindOfFile(kSource / "scenarios/deepseek-v3-pretraining.yaml"), FileKind::kScenario);
  EXPECT_EQ(KindOfFile(kSource / "docs/examples/llama-8b.json"), FileKind::kModelConfig);
  EXPECT_EQ(KindOfFile(kSource / "docs/examples/expert-loads.csv"), FileKind::kExpertLoads);
  EXPECT_EQ(KindOfFile(kSource / "docs/examples/trace.json"), FileKind::kTrace);
}

TEST_F(FileKindTest, OfOthersFiles) {
  EXPECT_EQ(KindOf("a.json", R"({"logical_count": [[1, 2]]})"), FileKind::kExpertLoads);
  EXPECT_EQ(KindOf("a.json", "[[1, 2], [3, 4]]"), FileKind::kExpertLoads);
  EXPECT_EQ(KindOf("a.json", R"([{"ph": "X", "ts": 1}])"), FileKind::kTrace);
  EXPECT_EQ(KindOf("a.json.gz", std::string("\x1f\x8b\x08", 3)), FileKind::kTrace);
  EXPECT_EQ(KindOf("a.json", "\xef\xbb\xbf{\"model_type\": \"llama\"}"), FileKind::kModelConfig);
}

TEST_F(FileKindTest, NothingIsTakenForSomething) {
  EXPECT_EQ(KindOf("a.json", ""), FileKind::kUnknown);
  EXPECT_EQ(KindOf("a.json", "[]"), FileKind::kUnknown);
  EXPECT_EQ(KindOf("a.png", "\x89PNG"), FileKind::kUnknown);
  EXPECT_EQ(KindOf("a.txt", "hello"), FileKind::kUnknown);
  EXPECT_EQ(KindOfFile(folder_), FileKind::kUnknown);
  EXPECT_EQ(KindOfFile(folder_ / "absent"), FileKind::kUnknown);
}

}  // namespace
}  // namespace orrery::scenarios
