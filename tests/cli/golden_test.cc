// What the program says, figure by figure: every command of tests/golden/commands.txt against the file it wrote. A change that is
// meant to move figures runs scripts/update_golden.
#include <algorithm>
#include <cctype>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <unistd.h>

namespace orrery::cli {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kSanitized = true;
#else
constexpr bool kSanitized = false;
#endif
const fs::path kRoot = ORRERY_SOURCE_DIR;
const fs::path kGolden = kRoot / "tests/golden";

struct Command {
  std::string file, when, schema, line;
};

/// Names a failing case in the test's output.
void PrintTo(const Command& command, std::ostream* out) { *out << command.line; }

std::vector<Command> Commands() {
  std::vector<Command> commands;
  std::ifstream file(kGolden / "commands.txt");
  for (std::string line; std::getline(file, line);) {
    Command c;
    std::istringstream words(line);
    if (line.starts_with('#') || !(words >> c.file >> c.when >> c.schema)) continue;
    std::getline(words >> std::ws, c.line);
    if (c.when == "always" || !kSanitized) commands.push_back(std::move(c));
  }
  return commands;
}

std::string Text(const fs::path& path) {
  std::ifstream file(path);
  EXPECT_TRUE(file.good()) << path;
  return {std::istreambuf_iterator<char>(file), {}};
}

/// Where the two differ: numbers by more than 1e-9 of themselves (libm differs between processors), everything else at all.
void Compare(const Json& expected, const Json& actual, const std::string& path,
             std::vector<std::string>* differences) {
  const auto differ = [&](const std::string& what) { differences->push_back(path + ": " + what); };
  if (expected.is_number() && actual.is_number()) {
    const double a = expected, b = actual;
    if (!(std::abs(a - b) <= 1e-9 * std::max(std::abs(a), std::abs(b))))
      differ(expected.dump() + " became " + actual.dump());
  } else if (expected.is_object() && actual.is_object()) {
    for (const auto& [key, value] : expected.items()) {
      if (actual.contains(key))
        Compare(value, actual[key], path + "/" + key, differences);
      else
        differ("lost " + key);
    }
    for (const auto& item : actual.items())
      if (!expected.contains(item.key())) differ("gained " + item.key());
  } else if (expected.is_array() && actual.is_array()) {
    if (expected.size() != actual.size())
      differ(std::to_string(expected.size()) + " elements became " + std::to_string(actual.size()));
    for (std::size_t i = 0; i < std::min(expected.size(), actual.size()); ++i)
      Compare(expected[i], actual[i], path + "/" + std::to_string(i), differences);
  } else if (expected != actual) {
    differ(expected.dump() + " became " + actual.dump());
  }
}

std::vector<std::string> Differences(const Json& expected, const Json& actual) {
  std::vector<std::string> differences;
  Compare(expected, actual, "", &differences);
  return differences;
}

class Golden : public testing::TestWithParam<Command> {
 protected:
  void SetUp() override { fs::create_directories(folder_); }
  void TearDown() override { fs::remove_all(folder_); }
  fs::path folder_ = fs::temp_directory_path() / ("orrery_golden_" + std::to_string(getpid()));
};

TEST_P(Golden, SaysWhatItSaid) {
  const Command& command = GetParam();
  const fs::path out = folder_ / command.file, errors = folder_ / "errors";
  ::setenv("orrery", ORRERY_BINARY, 1);
  ::setenv("out", out.c_str(), 1);
  ::setenv("tmp", folder_.c_str(), 1);
  ::setenv("ORRERY_HOME", kRoot.c_str(), 1);
  const std::string shell =
      "cd '" + kRoot.string() + "' && { " + command.line + "; } 2> '" + errors.string() + "'";
  ASSERT_EQ(std::system((shell + " > /dev/null").c_str()), 0) << Text(errors);
  if (out.extension() == ".json") {
    Json actual = Json::parse(Text(out));
    actual.erase("simulator");
    const std::vector<std::string> differences =
        Differences(Json::parse(Text(kGolden / command.file)), actual);
    for (std::size_t i = 0; i < std::min<std::size_t>(differences.size(), 10); ++i)
      ADD_FAILURE() << differences[i];
    EXPECT_LE(differences.size(), 10u) << "in all";
  } else {
    EXPECT_EQ(Text(kGolden / command.file), Text(out));
  }
}

INSTANTIATE_TEST_SUITE_P(, Golden, testing::ValuesIn(Commands()), [](const auto& tested) {
  std::string name = tested.param.file;
  for (char& c : name)
    if (!std::isalnum(static_cast<unsigned char>(c))) c = '_';
  return name;
});

TEST(GoldenFiles, TolerateTheLastDigitsOfNumbersAndNothingElse) {
  const Json held = Json::parse(R"({"a": [1.0, "b", null]})");
  EXPECT_TRUE(Differences(held, Json::parse(R"({"a": [1.0000000001, "b", null]})")).empty());
  for (const char* other :
       {R"({"a": [1.00000001, "b", null]})", R"({"a": [1, "c", null]})", R"({"a": [1, "b"]})",
        R"({"a": [1, "b", false]})", R"({"a": [1, "b", null], "d": 1})", "{}"})
    EXPECT_EQ(Differences(held, Json::parse(other)).size(), 1u) << other;
}

TEST(GoldenFiles, AreWrittenByACommandEach) {
  std::set<std::string> written{"commands.txt"};
  std::ifstream file(kGolden / "commands.txt");
  for (std::string line; std::getline(file, line);) written.insert(line.substr(0, line.find(' ')));
  for (const auto& entry : fs::directory_iterator(kGolden))
    EXPECT_TRUE(written.contains(entry.path().filename())) << entry.path();
}

}  // namespace
}  // namespace orrery::cli
