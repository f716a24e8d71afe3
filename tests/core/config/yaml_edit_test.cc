#include "core/config/yaml_edit.h"

#include <gtest/gtest.h>

namespace orrery {
namespace {

/// `text` after a --set, edited in place.
std::string Edited(const std::string& text, const std::vector<std::pair<std::string, std::string>>& sets) {
  Document wanted = Document::Parse(text, "t");
  for (const auto& [path, yaml] : sets) wanted.Set(path, yaml);
  return WithValuesOf(text, wanted).value_or("cannot");
}

TEST(EditedYaml, ChangesValuesWhereTheyStand) {
  EXPECT_EQ(Edited("a: 1  # one\nb: 'it''s'  # two\nc: \"x\\\"y\"\n", {{"a", "2"}, {"b", "no"}, {"c", "z"}}),
            "a: 2  # one\nb: no  # two\nc: z\n");
  EXPECT_EQ(Edited("m: {x: [1, 2], y: {z: 3}}  # m\n", {{"m.x", "[4]"}, {"m.y.z", "5"}}),
            "m: {x: [4], y: {z: 5}}  # m\n");
}

TEST(EditedYaml, AddsKeysWhereTheirMapStands) {
  EXPECT_EQ(Edited("a: 1\n", {{"b.c", "2"}}), "a: 1\nb: {c: 2}\n");
  EXPECT_EQ(Edited("m:\n  x: 1  # one\n", {{"m.y", "2"}}), "m:\n  y: 2\n  x: 1  # one\n");
  EXPECT_EQ(Edited("m: {x: 1}\n", {{"m.y", "2"}}), "m: {x: 1, y: 2}\n");
  EXPECT_EQ(Edited("m: {}\nn: 1\n", {{"m.y", "2"}}), "m: {y: 2}\nn: 1\n");
}

TEST(EditedYaml, TakesAKeyAwayByNull) {
  EXPECT_EQ(Edited("a: 1  # one\nb: 2\n", {{"a", "null"}}), "b: 2\n");
  EXPECT_EQ(Edited("b: 2\nm:\n  x: {y: 1}\n  z: 1\n", {{"m.x", "null"}}), "b: 2\nm:\n  z: 1\n");
  EXPECT_EQ(Edited("m: {x: 1, y: 2, z: {v: 3}}\n", {{"m.z", "null"}, {"m.x", "null"}}), "m: {y: 2}\n");
  EXPECT_EQ(Edited("m: {\"x\": 1, y: 2}\n", {{"m.x", "null"}}), "cannot");
}

TEST(EditedYaml, ThatSaysWhatIsWantedIsLeftAlone) {
  const std::string text = "# why\na:   1\nb: [1,\n  2]\n";
  EXPECT_EQ(WithValuesOf(text, Document::Parse("b: [1, 2]\na: 1\n", "t")), text);
}

TEST(EditedYaml, GivesUpWhereAValueHasLinesOfItsOwn) {
  EXPECT_EQ(Edited("a:\n  - 1\n  - 2\n", {{"a", "[3]"}}), "cannot");
}

TEST(RenamedKey, IsTheFirstThatBeginsALine) {
  EXPECT_EQ(WithKeyRenamed("# old: x\nolder: 1\nold : 2\n", "old", "new"), "# old: x\nolder: 1\nnew : 2\n");
  EXPECT_EQ(WithKeyRenamed("{old: 1}\n", "old", "new"), std::nullopt);
}

}  // namespace
}  // namespace orrery
