#include "core/config/fields.h"

#include <optional>
#include <variant>

#include <gtest/gtest.h>

#include "core/config/codecs.h"
#include "tests/core/input_error.h"

namespace orrery {
namespace {

enum class Colour { kRed, kBlue };

struct Inner {
  int width = 0;
  Time wait = FromSeconds(0.002);
  bool operator==(const Inner&) const = default;
};

struct Outer {
  std::string name;
  std::int64_t batch = 8;
  double rate = 0.5;
  Bytes memory{80'000'000'000};
  BytesPerSecond link{50e9};
  Colour colour = Colour::kRed;
  bool tied = false;
  std::vector<int> sizes = {1, 2};
  Inner inner;
  std::optional<Inner> spare;
  bool operator==(const Outer&) const = default;
};

const Fields<Inner>& InnerFields() {
  static const Fields<Inner> fields = [] {
    Fields<Inner> f;
    f.Add("width", &Inner::width, Whole<int>(1, 64), "how wide").Required();
    f.Add("wait", &Inner::wait, Duration(), "how long");
    f.After([](Inner* i, const GivenKeys& given) {
      if (i->width % 2 != 0) throw given.ErrorAt("width", "expected an even width");
    });
    return f;
  }();
  return fields;
}

const Fields<Outer>& OuterFields() {
  static const Fields<Outer> fields = [] {
    Fields<Outer> f;
    f.Add("name", &Outer::name, Text(), "what it is called").Required();
    f.Add("batch", &Outer::batch, Count<std::int64_t>("sequences", 1, 1000), "sequences of a step");
    f.Add("rate", &Outer::rate, Number(0, 1), "a share");
    f.Add("memory", &Outer::memory, Size(), "what fits");
    f.Add("link", &Outer::link, Rate(), "how fast");
    f.Add("colour", &Outer::colour, Choice<Colour>({{"red", Colour::kRed}, {"blue", Colour::kBlue}}),
          "which");
    f.Add("tied", &Outer::tied, Flag(), "whether");
    f.Add("sizes", &Outer::sizes, ListOf(Whole<int>(1, 9), 1, 3), "how many");
    f.Add("inner", &Outer::inner, MapOf(InnerFields()), "inside");
    f.Add("spare", &Outer::spare, Maybe(MapOf(InnerFields())), "another");
    return f;
  }();
  return fields;
}

Document Parsed(const std::string& yaml) { return Document::Parse(yaml, "t.yaml"); }
Outer ReadOuter(const std::string& yaml) { return OuterFields().Read(Parsed(yaml).root()); }

TEST(Fields, ReadWhatIsGivenAndLeaveTheRestAtItsDefault) {
  const Outer o = ReadOuter("name: x\nbatch: 16 sequences\ninner: {width: 4}\n");
  EXPECT_EQ(o.name, "x");
  EXPECT_EQ(o.batch, 16);
  EXPECT_EQ(o.inner.width, 4);
  EXPECT_EQ(o.inner.wait, FromSeconds(0.002));
  EXPECT_FALSE(o.spare);
}

TEST(Fields, EveryErrorHasItsPlaceAndPath) {
  EXPECT_EQ(ErrorOf([] { ReadOuter("name: x\ninner: {width: 65}\n"); }),
            "t.yaml:2:16: inner.width: '65': expected a whole number from 1 to 64");
  EXPECT_EQ(ErrorOf([] { ReadOuter("name: x\ninner: {width: 3}\n"); }),
            "t.yaml:2:16: inner.width: '3': expected an even width");
  EXPECT_NE(ErrorOf([] { ReadOuter("name: x\nbtach: 1 sequence\n"); }).find("did you mean 'batch'"),
            std::string::npos);
  EXPECT_NE(ErrorOf([] { ReadOuter("batch: 1 sequence\n"); }).find("missing key 'name'"), std::string::npos);
  EXPECT_NE(ErrorOf([] { ReadOuter("name: x\nsizes: [1, 2, 3, 4]\n"); }).find("at most 3 items"),
            std::string::npos);
}

TEST(Fields, WhatIsWrittenReadsBackEqual) {
  Outer o;
  o.name = "it's: a # name";
  o.batch = 1;
  o.rate = 0.1 + 0.2;  // no short decimal
  o.memory = Bytes{84943110144};
  o.link = BytesPerSecond{1.0 / 3 * 1e11};
  o.colour = Colour::kBlue;
  o.tied = true;
  o.sizes = {3};
  o.inner = {6, Time{123456789012345}};
  o.spare = Inner{2, kTimeZero};
  EXPECT_EQ(ReadOuter(YamlText(OuterFields().Write(o))), o);
}

TEST(Fields, OnlyWhatDiffersFromTheDefaultIsWritten) {
  Outer o;
  o.name = "plain";
  o.inner.width = 2;
  EXPECT_EQ(YamlText(OuterFields().Write(o)), "name: plain\ninner: {width: 2}\n");
}

TEST(Fields, ChangesAreWrittenAndReadOverABase) {
  Outer base;
  base.name = "base";
  base.inner = {8, FromSeconds(1)};
  Outer other = base;
  other.inner.width = 10;
  const std::string changes = YamlText(OuterFields().WriteChanged(other, base));
  EXPECT_EQ(changes, "inner: {width: 10}\n");
  EXPECT_EQ(OuterFields().ReadOver(Parsed(changes).root(), base), other);
}

TEST(Fields, KeysAreListedWithTypeLimitsAndDefault) {
  const std::vector<KeyLine> lines = KeyLines(OuterFields().Infos());
  const auto line = [&](const std::string& path) {
    for (const KeyLine& l : lines)
      if (l.path == path) return l.info;
    ADD_FAILURE() << "no key " << path;
    return FieldInfo{};
  };
  EXPECT_TRUE(line("name").required);
  EXPECT_EQ(line("batch").default_text, "8 sequences");
  EXPECT_EQ(TypeText(line("inner.width").type), "whole number, 1 to 64");
  EXPECT_EQ(TypeText(line("colour").type), "one of: red, blue");
  EXPECT_EQ(line("inner.wait").default_text, "2 ms");
  EXPECT_EQ(KeyLines(OuterFields().Infos(), "inner").size(), 3u);
  EXPECT_EQ(KeyLines(OuterFields().Infos(), "inner.wait").size(), 1u);
}

struct Dog {
  int age = 0;
  bool operator==(const Dog&) const = default;
};
struct Cat {
  std::string colour;
  bool operator==(const Cat&) const = default;
};
using Pet = std::variant<Dog, Cat>;

Codec<Pet> PetCodec() {
  static const Fields<Dog> dog = [] {
    Fields<Dog> f;
    f.Add("age", &Dog::age, Whole<int>(0, 30, "years"), "years lived");
    return f;
  }();
  static const Fields<Cat> cat = [] {
    Fields<Cat> f;
    f.Add("colour", &Cat::colour, Text(), "of the coat").Required();
    return f;
  }();
  return Alternatives<Pet>().Add("dog", dog).Add("cat", cat).ToCodec();
}

TEST(Alternatives, TheKindSaysWhichKeysThereAre) {
  const Codec<Pet> codec = PetCodec();
  EXPECT_EQ(codec.read(Parsed("kind: cat\ncolour: black\n").root()), Pet(Cat{"black"}));
  EXPECT_NE(ErrorOf([&] { codec.read(Parsed("kind: dog\ncolour: black\n").root()); }).find("unknown key"),
            std::string::npos);
  EXPECT_NE(ErrorOf([&] { codec.read(Parsed("kind: doog\n").root()); }).find("did you mean 'dog'"),
            std::string::npos);
  EXPECT_EQ(YamlText(codec.write(Pet(Dog{3}))), "kind: dog\nage: 3\n");
}

TEST(Presets, AreWrittenByNameWithWhatDiffers) {
  const auto load = [](const std::string& name) {
    return Outer{.name = name, .inner = {4, FromSeconds(1)}, .spare = Inner{2}};
  };
  const Codec<Outer> codec =
      PresetOr<Outer>(OuterFields(), {[] {
                                        return std::vector<std::string>{"big", "small"};
                                      },
                                      load, [](const Outer& o) { return o.name; }, "thing"});
  const auto text = [&](const Outer& o) {
    Written w = Written::Map();
    w.Add("value", codec.write(o));
    return YamlText(w);
  };
  const auto back = [&](const Outer& o) { return codec.read(Parsed(text(o)).root().At("value")); };
  Outer o = load("big");
  EXPECT_EQ(text(o), "value: big\n");
  o.inner.width = 6;
  EXPECT_EQ(text(o), "value: {preset: big, override: {inner: {width: 6}}}\n");
  EXPECT_EQ(back(o), o);
  o.spare.reset();  // no override can say that, so the whole is written
  EXPECT_EQ(back(o), o);
  o.name = "own";
  EXPECT_EQ(back(o), o);
}

TEST(Written, QuantitiesTakeTheLargestUnitThatIsExact) {
  EXPECT_EQ(BytesText(Bytes{80'000'000'000}), "80 GB");
  EXPECT_EQ(BytesText(Bytes{227 * 1024}), "227 KiB");
  EXPECT_EQ(BytesText(Bytes{84943110143}), "84943110143 B");
  EXPECT_EQ(RateText(BytesPerSecond{3.35e12}), "3.35 TB/s");
  EXPECT_EQ(FlopsRateText(FlopsPerSecond{989e12}), "989 TFLOPS");
  EXPECT_EQ(TimeText(FromSeconds(0.05)), "50 ms");
  EXPECT_EQ(TimeText(kTimeZero), "0 s");
  EXPECT_EQ(CountText(1, "sequences"), "1 sequence");
  EXPECT_EQ(CountText(14.8e12, "tokens"), "14800000000000 tokens");
}

TEST(Written, AnyTextReadsBackAsItself) {
  for (const char* text :
       {"plain",     "50 GB/s",     "it's", "a: b", "# no",       "null",        "",     "~",      "true",
        "tab\there", "line\nbreak", "-5",   "- x",  "\"quoted\"", "caf\xc3\xa9", "x #y", "*alias", "&a",
        "!t",        "%d",          "@a",   "`b`",  "end "}) {
    const Document back = Document::Parse("value: " + YamlScalar(text) + "\n", "t");
    EXPECT_EQ(back.root().entries().at(0).second.AsString(), text) << YamlScalar(text);
  }
}

}  // namespace
}  // namespace orrery
