#include "scenarios/schema/file_kind.h"

#include <filesystem>

#include <gmock/gmock.h>

#include "core/base/file.h"
#include "core/config/resources.h"
#include "scenarios/schema/scenario_file.h"

namespace orrery::scenarios {
namespace {

using testing::HasSubstr;

/// The kind of a file that holds `text`, under a name that says nothing.
FoundFile Of(std::string_view text) {
  const auto file = std::filesystem::temp_directory_path() / "orrery_file_kind";
  WriteOutput(file.string(), std::string(text));
  FoundFile found = KindOfFile(file);
  std::filesystem::remove(file);
  return found;
}

TEST(FileKind, OfScenariosThatComeWithOrrery) {
  for (const std::string& name : ScenarioNames()) {
    const FoundFile found = KindOfFile(ResourceRoot() / "scenarios" / (name + ".yaml"));
    EXPECT_EQ(found.kind, name == "attention-designs" ? FileKind::kAttention : FileKind::kPretraining)
        << name;
  }
}

TEST(FileKind, OfExamples) {
  const std::filesystem::path examples = std::filesystem::path(ORRERY_SOURCE_DIR) / "docs/examples";
  for (const auto& [name, kind] : {std::pair{"expert-loads.csv", FileKind::kExpertLoads},
                                   {"trace.json", FileKind::kTrace},
                                   {"llama-8b.json", FileKind::kHuggingFace},
                                   {"attention.yaml", FileKind::kAttention},
                                   {"own-hardware.yaml", FileKind::kPretraining},
                                   {"l40s-kernels.yaml", FileKind::kKernelTable}}) {
    EXPECT_EQ(KindOfFile(examples / name).kind, kind) << name;
  }
  EXPECT_EQ(KindOfFile(examples / "../../tests/golden/measurement.json").kind, FileKind::kMeasurement);
}

TEST(FileKind, IsOfTheContentWhateverTheName) {
  EXPECT_EQ(Of("{\"schema\":\"orrery-kernel-log\",\"version\":1}\n").kind, FileKind::kKernelLog);
  EXPECT_EQ(Of("{\"logical_count\": [[1, 2]]}").kind, FileKind::kExpertLoads);
  EXPECT_EQ(Of(" [ [1, 2], [3, 4]]").kind, FileKind::kExpertLoads) << "EPLB's weights";
  EXPECT_EQ(Of("# a comment\nLayer_ID,expert,count\n0,1,2\n").kind, FileKind::kExpertLoads);
  EXPECT_EQ(Of("orrery_session: 1\nvariants: []\n").kind, FileKind::kSession);
  EXPECT_EQ(Of("\x1f\x8b packed").kind, FileKind::kTrace);
}

TEST(FileKind, SaysWhatWasFoundAndWhatWouldBeRead) {
  for (const char* text : {"", "hello", "a: 1\n", "[1, 2]", "\xff\xfe\x01", "{\"a\": 1}"}) {
    const FoundFile found = Of(text);
    EXPECT_EQ(found.kind, FileKind::kUnknown) << text;
    EXPECT_THAT(found.why, HasSubstr("a pre-training scenario")) << text;
  }
  EXPECT_THAT(Of("{\"benchmarks\": 1, \"meta\": 1, \"states\": 1}").why, HasSubstr("nvbench"));
  EXPECT_THAT(KindOfFile("no/such/file").why, HasSubstr("no such file"));
}

}  // namespace
}  // namespace orrery::scenarios
