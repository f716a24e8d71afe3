// The table of docs/models.md: which architectures are read, with public models of each and their parameters, and which
// are refused. ORRERY_UPDATE_DOCS=1 writes it anew.
#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "core/base/file.h"
#include "models/parallel/training_program.h"
#include "models/spec/huggingface.h"
#include "models/spec/huggingface_families.h"
#include "models/spec/mixer_text.h"
#include "models/spec/parameters.h"
#include "tests/models/spec/published_families.h"

namespace orrery::models {
namespace {

ModelSpec Read(const std::string& text) {
  return ReadHuggingFace(Document::Parse(text, "config.json").root());
}

std::string Billions(std::int64_t count) { return fmt::format("{:.2f}", static_cast<double>(count) * 1e-9); }

/// Public models with their own type, or that of their text model.
std::string TypeOf(const std::string& json) {
  const Document document = Document::Parse(json, "config.json");
  const Value* text = document.root().Find("text_config");
  return (text != nullptr ? *text : document.root()).At("model_type").AsString();
}

/// What of a model is not priced: the notes but those on the defaults of its file.
std::string LeftOut(const ModelSpec& spec) {
  std::string text;
  for (const std::string& note : spec.notes) {
    if (note.starts_with("class defaults") || note.starts_with("unknown keys")) continue;
    text += (text.empty() ? "" : "; ") +
            (note.starts_with("recurrent mixers") ? "see recurrent mixers above" : note);
  }
  return text;
}

std::string Table() {
  std::string text =
      "| model | `model_type` | mixers | parameters, 10^9 | activated | published | trained | left out |\n"
      "|---|---|---|--:|--:|--:|---|---|\n";
  std::vector<std::string> shown;
  for (const PublishedModel& m : AllModels()) {
    const ModelSpec spec = Read(m.json);
    const ParameterCount p = CountParameters(spec);
    const std::int64_t ends = p.embedding + p.head;
    const std::int64_t more =
        (m.whole == Whole::kModel ? 0 : p.mtp) + (m.whole == Whole::kCheckpoint ? ends : 0);
    const std::int64_t less = m.active == Active::kAll           ? 0
                              : m.active == Active::kNoEmbedding ? p.embedding
                                                                 : ends;
    shown.push_back(TypeOf(m.json));
    text += fmt::format("| {} | `{}` | {} | {} | {} | {:g}{} | {} | {} |\n", m.name, shown.back(),
                        DescribeMixers(spec), Billions(p.total + more),
                        p.activated == p.total ? "" : Billions(p.activated - less), m.total_b,
                        m.activated_b > 0 ? fmt::format(", {:g}", m.activated_b) : "",
                        WhyNotTrained(spec).empty() ? "yes" : "no", LeftOut(spec));
  }
  std::string others;
  for (const HuggingFaceFamily& family : HuggingFaceFamilies()) {
    if (std::find(shown.begin(), shown.end(), family.model_type) == shown.end())
      others += (others.empty() ? "`" : ", `") + family.model_type + "`";
  }
  text += "\nRead too: " + others + ".\n\nRefused, and why:\n\n| `model_type` | |\n|---|---|\n";
  for (const RefusedFamily& refused : RefusedFamilies())
    text += fmt::format("| `{}` | {} |\n", refused.model_type, refused.why);
  return text;
}

TEST(ModelsDoc, HasTheTableOfFamilies) {
  const std::filesystem::path file = std::filesystem::path(ORRERY_SOURCE_DIR) / "docs/models.md";
  const std::string begin = "<!-- families -->\n", end = "<!-- /families -->";
  std::string text = ReadTextFile(file, 1 << 20);
  const std::size_t from = text.find(begin), to = text.find(end);
  ASSERT_NE(from, std::string::npos);
  ASSERT_NE(to, std::string::npos);
  const std::string table = Table();
  if (std::getenv("ORRERY_UPDATE_DOCS") != nullptr) {
    text.replace(from + begin.size(), to - from - begin.size(), table);
    std::ofstream(file) << text;
    return;
  }
  EXPECT_TRUE(text.substr(from + begin.size(), to - from - begin.size()) == table)
      << "ORRERY_UPDATE_DOCS=1 models_tests --gtest_filter=ModelsDoc.* writes it";
}

TEST(RefusedFamilies, AreRefusedWithTheirReason) {
  for (const RefusedFamily& refused : RefusedFamilies()) {
    EXPECT_EQ(FindFamily(refused.model_type), nullptr);
    try {
      Read(fmt::format(R"({{"model_type": "{}", "hidden_size": 8}})", refused.model_type));
      ADD_FAILURE() << refused.model_type;
    } catch (const InputError& e) {
      EXPECT_NE(std::string(e.what()).find(refused.why), std::string::npos) << e.what();
    }
  }
}

}  // namespace
}  // namespace orrery::models
