#include "core/config/document.h"

#include <gmock/gmock.h>

#include "tests/core/input_error.h"

namespace orrery {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::StartsWith;

/// A document of the one key `v`.
Document One(const std::string& value) { return Document::Parse("v: " + value, "file.yaml"); }
const Value& V(const Document& document) { return document.root().At("v"); }

TEST(Document, ValuesKnowTheirPlaceAndPath) {
  const Document document = Document::Parse("a:\n  b: [1, {c: 2}]\n", "file.yaml");
  const Value& c = document.root().At("a").At("b").items()[1].At("c");
  EXPECT_EQ(c.path(), "a.b[1].c");
  EXPECT_EQ(c.place().Text(), "file.yaml:2:14");
  EXPECT_EQ(ErrorOf([&] { c.AsInt(5, 9); }),
            "file.yaml:2:14: a.b[1].c: '2': expected a whole number from 5 to 9");
}

TEST(Document, AMissingKeyNamesTheNearest) {
  const Document document = Document::Parse("pipelin: 1\nexpert: 2\n", "f");
  EXPECT_EQ(ErrorOf([&] { document.root().At("pipeline"); }),
            "f:1:1: missing key 'pipeline' (did you mean 'pipelin'?)");
  EXPECT_EQ(ErrorOf([&] { document.root().At("zzzz"); }), "f:1:1: missing key 'zzzz'");
}

TEST(Document, AnUnknownKeySaysWhatIsKnownAndWhatIsNear) {
  const Document document = Document::Parse("a:\n  expret: 2\n", "f");
  EXPECT_EQ(ErrorOf([&] {
              document.root().At("a").AllowKeys({"pipeline", "expert"});
            }),
            "f:2:11: a.expret: unknown key (did you mean 'expert'?); expected one of: pipeline, expert");
  document.root().AllowKeys({"a"});
}

TEST(Document, ANullValueIsAbsent) {
  const Document document = Document::Parse("a: ~\nb:\n", "f");
  EXPECT_EQ(document.root().Find("a"), nullptr);
  EXPECT_EQ(document.root().Find("b"), nullptr);
  EXPECT_THAT(ErrorOf([&] { document.root().At("b"); }),
              HasSubstr("missing key 'b': it is there without a value"));
}

TEST(Document, AKeyWithoutAValueIsRefusedWhereKeysAreKnown) {
  for (const char* text : {"a: 1\nb:\n", "a: 1\nb: ~\n", "a: 1\nb: null\n", "{a: 1, b: }\n"}) {
    const Document document = Document::Parse(text, "f");
    EXPECT_THAT(ErrorOf([&] {
                  document.root().AllowKeys({"a", "b"});
                }),
                HasSubstr("b: it is there without a value"))
        << text;
  }
  Document document = Document::Parse("a: 1\nb: 2\n", "f");
  EXPECT_EQ(ErrorOf([&] { document.Set("b", ""); }),
            "--set b=: b: expected a value; null takes the key away");
  EXPECT_THAT(ErrorOf([&] { document.Set("b", "# nothing"); }), HasSubstr("expected a value"));
  document.Set("c", "{d: }");
  EXPECT_THAT(ErrorOf([&] { document.root().At("c").AllowKeys({"d"}); }),
              HasSubstr("c.d: it is there without"));
  document.Set("b", "null");
  EXPECT_EQ(document.root().Find("b"), nullptr);
  EXPECT_NO_THROW(document.root().AllowKeys({"a", "b", "c"})) << "taken away on purpose";
}

TEST(Document, WhatIsNotReadIsCalledByItsName) {
  EXPECT_THAT(ErrorOf([] { Document::Parse("p:\n  <<: {a: 1}\n", "f"); }),
              HasSubstr("f:2:3: merge keys (<<)"));
  EXPECT_THAT(ErrorOf([] { Document::Parse("a: 1\rb: 2\r", "f"); }), HasSubstr("carriage returns alone"));
  EXPECT_THAT(ErrorOf([] { Document::Parse("# a\rb: 2\r", "f"); }), HasSubstr("carriage returns alone"));
  EXPECT_NO_THROW(Document::Parse("a: 1\r\nb: 2\r\n", "f"));
  EXPECT_NO_THROW(Document::Parse("a: 1\r", "f"));
  EXPECT_NO_THROW(Document::Parse("{\"a\": 1,\r\"b\": 2}\r", "f.json")) << "brackets need no lines";
  EXPECT_THAT(ErrorOf([] { Document::Parse("{\"a\": 1]", "f.json"); }), HasSubstr("not valid JSON"));
  EXPECT_THAT(ErrorOf([] { Document::Parse("a: b: c", "f.yaml"); }), HasSubstr("not valid YAML"));
}

TEST(Document, EveryReaderRefusesAListAndSaysWhatItExpected) {
  const Document document = One("[1]");
  const Value& v = V(document);
  EXPECT_EQ(ErrorOf([&] { v.AsString(); }), "file.yaml:1:4: v: expected text");
  EXPECT_EQ(ErrorOf([&] { v.AsBool(); }), "file.yaml:1:4: v: expected true or false");
  EXPECT_EQ(ErrorOf([&] { v.AsInt(1, 2); }), "file.yaml:1:4: v: expected a whole number from 1 to 2");
  EXPECT_EQ(ErrorOf([&] { v.AsDouble(0, 1); }), "file.yaml:1:4: v: expected a number from 0 to 1");
  EXPECT_EQ(ErrorOf([&] { v.AsCount("tokens", 1, 9); }),
            "file.yaml:1:4: v: expected a whole number from 1 to 9, e.g. 9 or '9 tokens'");
  EXPECT_EQ(ErrorOf([&] { v.AsBytes(); }), "file.yaml:1:4: v: expected a size with its unit, e.g. '80 GB'");
  EXPECT_EQ(ErrorOf([&] { v.AsRate(); }), "file.yaml:1:4: v: expected a rate with its unit, e.g. '50 GB/s'");
  EXPECT_EQ(ErrorOf([&] { v.AsFlopsRate(); }),
            "file.yaml:1:4: v: expected a rate with its unit, e.g. '989 TFLOPS'");
  EXPECT_EQ(ErrorOf([&] { v.AsTime(); }), "file.yaml:1:4: v: expected a time with its unit, e.g. '2 us'");
  EXPECT_EQ(ErrorOf([&] { v.AsChoice({"x", "y"}); }), "file.yaml:1:4: v: expected one of: x, y");
  EXPECT_EQ(ErrorOf([&] { v.entries(); }), "file.yaml:1:4: v: expected a map of keys");
  EXPECT_EQ(ErrorOf([&] { v.At("k"); }), "file.yaml:1:4: v: expected a map of keys");
}

TEST(Document, AScalarIsNeitherListNorMap) {
  const Document document = One("7");
  EXPECT_EQ(ErrorOf([&] { V(document).items(); }), "file.yaml:1:4: v: '7': expected a list");
  EXPECT_EQ(ErrorOf([&] { V(document).AllowKeys({}); }), "file.yaml:1:4: v: '7': expected a map of keys");
}

TEST(Document, BooleansAreWords) {
  for (const char* yes : {"true", "yes", "on"}) EXPECT_TRUE(V(One(yes)).AsBool()) << yes;
  for (const char* no : {"false", "no", "off"}) EXPECT_FALSE(V(One(no)).AsBool()) << no;
  for (const char* bad : {"1", "True", "maybe", "''"}) EXPECT_THROW(V(One(bad)).AsBool(), InputError) << bad;
}

TEST(Document, WholeNumbersAreReadWholeOrNotAtAll) {
  EXPECT_EQ(V(One("-3")).AsInt(-5, 5), -3);
  EXPECT_EQ(V(One("9223372036854775807")).AsInt(0, INT64_MAX), INT64_MAX);
  for (const char* bad :
       {"3.0", "1e3", "0x10", "+3", "' 3'", "3 x", "''", "99999999999999999999", "-6", "6", "nan"}) {
    EXPECT_THROW(V(One(bad)).AsInt(-5, 5), InputError) << bad;
  }
}

TEST(Document, NumbersAreFinite) {
  EXPECT_DOUBLE_EQ(V(One("1.5e-3")).AsDouble(0, 1), 1.5e-3);
  for (const char* bad : {"nan", "inf", "-inf", "1e999", ".nan", "2", "-0.1", "1,5", "''"}) {
    EXPECT_THROW(V(One(bad)).AsDouble(0, 1), InputError) << bad;
  }
}

TEST(Document, CountsAreReadWithTheirUnitAndWithout) {
  EXPECT_EQ(V(One("64")).AsCount("sequences", 1, 100), 64);
  EXPECT_EQ(V(One("1 sequence")).AsCount("sequences", 1, 100), 1);
  EXPECT_EQ(V(One("64 sequences")).AsCount("sequences", 1, 100), 64);
  EXPECT_EQ(V(One("14.8e12 tokens")).AsCount("tokens", 1, std::int64_t{1} << 53), 14'800'000'000'000);
  for (const char* bad : {"64 tokens", "4k", "64 sequencess", "1,024 sequences", "-1", "1.5 sequences",
                          "0 sequences", "101 sequences", "sequences", "1e400 sequences"}) {
    EXPECT_THROW(V(One(bad)).AsCount("sequences", 1, 100), InputError) << bad;
  }
}

TEST(Document, LettersShortenNumbersOfTokens) {
  const auto length = [](const char* text) { return ParseCount(text, "tokens", CountSuffix::kLength); };
  EXPECT_EQ(length("4k"), 4096);
  EXPECT_EQ(length("4 K tokens"), 4096);
  EXPECT_EQ(length("1M"), 1 << 20);
  EXPECT_EQ(length("1T"), std::nullopt) << "no length";
  EXPECT_EQ(length("4kB"), std::nullopt);
  const auto amount = [](const char* text) { return ParseCount(text, "tokens", CountSuffix::kAmount); };
  EXPECT_EQ(amount("14.8T tokens"), 14'800'000'000'000);
  EXPECT_EQ(amount("500M"), 500'000'000);
  EXPECT_EQ(amount("1e12"), 1'000'000'000'000);
  EXPECT_EQ(amount("4k"), std::nullopt) << "1000 or 1024?";
  EXPECT_EQ(ErrorOf([] { V(One("4 words")).AsCount("tokens", 1, 1 << 24, CountSuffix::kLength); }),
            "file.yaml:1:4: v: '4 words': expected a whole number from 1 to 16777216, e.g. 4096 or '4096 "
            "tokens', 4k "
            "(k is 1024)");
}

TEST(Document, QuantitiesAreReadInTheirUnits) {
  EXPECT_EQ(V(One("80 GB")).AsBytes().count, 80'000'000'000);
  EXPECT_EQ(V(One("227 KiB")).AsBytes().count, 227 * 1024);
  EXPECT_EQ(V(One("0 B")).AsBytes().count, 0);
  EXPECT_DOUBLE_EQ(V(One("400 Gb/s")).AsRate().value, 50e9);
  EXPECT_DOUBLE_EQ(V(One("3.35 TB/s")).AsRate().value, 3.35e12);
  EXPECT_DOUBLE_EQ(V(One("989 TFLOPS")).AsFlopsRate().value, 989e12);
  EXPECT_EQ(V(One("2 us")).AsTime().count(), 2'000'000);
  EXPECT_EQ(V(One("0.29 s")).AsTime().count(), 290'000'000'000);
}

TEST(Document, QuantitiesOutOfReachAreRefused) {
  for (const char* bad : {"80", "80 gb", "-1 GB", "1e18 TB", "1e308 TB", "GB"})
    EXPECT_THROW(V(One(bad)).AsBytes(), InputError) << bad;
  for (const char* bad : {"50", "0 GB/s", "-1 GB/s", "50 GB", "1e308 TB/s"})
    EXPECT_THROW(V(One(bad)).AsRate(), InputError) << bad;
  for (const char* bad : {"0 TFLOPS", "1 flop", "1e308 PFLOPS"})
    EXPECT_THROW(V(One(bad)).AsFlopsRate(), InputError) << bad;
  for (const char* bad : {"2", "-1 us", "1e9 days", "1e308 days", "2 µs"})
    EXPECT_THROW(V(One(bad)).AsTime(), InputError) << bad;
}

TEST(Document, AChoiceNamesTheNearest) {
  EXPECT_EQ(V(One("zb1p")).AsChoice({"dualpipe", "zb1p"}), 1u);
  EXPECT_EQ(ErrorOf([] {
              V(One("dualpip")).AsChoice({"dualpipe", "zb1p"});
            }),
            "file.yaml:1:4: v: 'dualpip': expected one of: dualpipe, zb1p (did you mean 'dualpipe'?)");
}

TEST(Document, ARepeatedKeyIsRefusedWhereItStands) {
  EXPECT_EQ(ErrorOf([] { Document::Parse("a: 1\nb: 2\na: 3\n", "f"); }), "f:3:1: key 'a' appears twice");
  EXPECT_EQ(ErrorOf([] { Document::Parse("m: {x: 1, x: 2}\n", "f"); }), "f:1:11: key 'x' appears twice");
}

TEST(Document, OnlyAMapOfWordsIsADocument) {
  for (const char* text : {"", "~", "3", "[1, 2]", "# only a comment\n"}) {
    EXPECT_EQ(ErrorOf([&] { Document::Parse(text, "f"); }), "f: expected a map of keys at the top") << text;
  }
  EXPECT_THAT(ErrorOf([] { Document::Parse("? [a]\n: 1\n", "f"); }),
              HasSubstr("expected a plain word as key"));
  EXPECT_THAT(ErrorOf([] { Document::Parse("a: 1\n---\nb: 2\n", "f"); }),
              HasSubstr("expected one YAML document"));
}

TEST(Document, ALineWithoutItsColonDoesNotHideTheRest) {
  EXPECT_THAT(ErrorOf([] { Document::Parse("a: 1\nprecision:xed\nb: {c: 2}\n", "f"); }), StartsWith("f:"));
  EXPECT_THAT(ErrorOf([] { Document::Parse("a: {b: 46}\nc:xed\nd: 1\ne: 2\n", "f"); }), StartsWith("f:"));
}

TEST(Document, BrokenYamlNamesItsLine) {
  EXPECT_THAT(ErrorOf([] { Document::Parse("a: 1\nb: [1, 2\nc: 3\n", "f"); }),
              AllOf(StartsWith("f:"), HasSubstr("not valid YAML")));
  EXPECT_THAT(ErrorOf([] { Document::Parse("a: *nowhere\n", "f"); }), HasSubstr("not valid YAML"));
}

TEST(Document, AQuoteLeftOpenIsRefusedWhereItBegins) {
  for (const char* text : {"a: 1\nb: \"open\n", "a: 1\nb: 'open", "a: 1\nb: [x, \"open]"}) {
    const std::string error = ErrorOf([&] { Document::Parse(text, "t"); });
    EXPECT_THAT(error, testing::StartsWith("t:2:")) << text;
    EXPECT_THAT(error, testing::HasSubstr("not valid YAML")) << text;
  }
  EXPECT_EQ(Document::Parse("a: |\n  text\n  'more\n", "t").root().At("a").AsString(), "text\n'more\n");
  EXPECT_EQ(Document::Parse("a: plain # said 'so", "t").root().At("a").AsString(), "plain");
}

TEST(Document, DeepNestingIsRefused) {
  const auto nested = [](std::size_t depth) {
    return "a: " + std::string(depth, '[') + std::string(depth, ']');
  };
  EXPECT_NO_THROW(Document::Parse(nested(60), "f"));
  EXPECT_THAT(ErrorOf([&] { Document::Parse(nested(100), "f"); }), HasSubstr("nested more than 64 deep"));
  EXPECT_THROW(Document::Parse(nested(20000), "f"), InputError);
  EXPECT_THROW(Document::Parse("a: " + std::string(20000, '{'), "f"), InputError);
}

/// Every level names the one before nine times: 9^12 values from a few hundred bytes.
std::string BillionLaughs() {
  std::string text = "a0: &a0 lol\n";
  for (int i = 1; i <= 12; ++i) {
    const std::string before = "*a" + std::to_string(i - 1);
    text += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [" + before;
    for (int k = 1; k < 9; ++k) text += ", " + before;
    text += "]\n";
  }
  return text;
}

TEST(Document, AliasesThatMultiplyAreRefused) {
  EXPECT_THAT(ErrorOf([] { Document::Parse(BillionLaughs(), "f"); }),
              HasSubstr("once its aliases are followed"));
  std::string text = "long: &l " + std::string(1 << 20, 'x') + "\nmany: [*l";
  for (int i = 0; i < 100; ++i) text += ", *l";
  EXPECT_THAT(ErrorOf([&] { Document::Parse(text + "]\n", "f"); }), HasSubstr("MiB of text"));
}

TEST(Document, AnAliasOfItselfIsRefused) {
  EXPECT_THROW(Document::Parse("a: &a [*a, *a]\n", "f"), InputError);
  EXPECT_THROW(Document::Parse("a: &a {b: *a}\n", "f"), InputError);
}

TEST(Document, AnAliasRepeatsTheValueUnderItsOwnPath) {
  const Document document = Document::Parse("a: &x {k: 1}\nb: *x\n", "f");
  EXPECT_EQ(document.root().At("b").At("k").AsInt(0, 9), 1);
  EXPECT_EQ(document.root().At("b").At("k").path(), "b.k");
}

TEST(Document, WhatAnchorsKeepCountsToo) {
  std::string nested = "v: ";
  for (int i = 0; i < 40; ++i) nested += "&n" + std::to_string(i) + " [";
  for (int i = 0; i < 100000; ++i) nested += "1,";
  nested += "1" + std::string(40, ']') + "\n";
  EXPECT_THAT(ErrorOf([&] { Document::Parse(nested, "f"); }), HasSubstr("grows beyond"));
}

TEST(Document, MoreValuesThanALimitAreRefusedWhileTheyAreRead) {
  const auto list = [](std::size_t values) {
    std::string text = "v: [";
    for (std::size_t i = 0; i < values; ++i) text += "1,";
    return text + "1]\n";
  };
  EXPECT_NO_THROW(Document::Parse(list(10000), "f"));
  EXPECT_THAT(ErrorOf([&] { Document::Parse(list(1 << 20), "f"); }),
              HasSubstr("grows beyond 1048576 values"));
  const std::string brackets(std::size_t{9} << 20, '[');
  EXPECT_THAT(ErrorOf([&] { Document::Parse("v: " + brackets, "f"); }), HasSubstr("grows beyond"));
}

TEST(Document, TagsAreRefused) {
  EXPECT_EQ(ErrorOf([] { Document::Parse("name: !!binary aGk=\n", "f"); }),
            "f:1:7: tag '!!binary': tags are not read, expected the value without");
  for (const char* text : {"a: !!str 5\n", "a: !mine {b: 1}\n", "a: !!set [b]\n", "!!str a: 1\n",
                           "--- !x\na: 1\n", "%TAG ! tag:example.org,2000:\n---\na: !thing b\n"})
    EXPECT_THAT(ErrorOf([&] { Document::Parse(text, "f"); }), HasSubstr("tags are not read")) << text;
  EXPECT_EQ(Document::Parse("a: '!!binary x'\n", "f").root().At("a").AsString(), "!!binary x");
}

TEST(Document, AnotherEncodingIsNamed) {
  const std::string utf16(
      "\xff\xfe"
      "a\0:\0 \0"
      "1\0\n\0",
      12);
  EXPECT_EQ(ErrorOf([&] { Document::Parse(utf16, "f"); }),
            "f: is UTF-16, expected UTF-8: 'iconv -f UTF-16 -t UTF-8' makes it that");
  EXPECT_THAT(ErrorOf([] { Document::Parse("a: 1\nb: \xff\n", "f"); }), StartsWith("f:2:4: byte 0xff"));
}

TEST(Document, MessagesQuoteAtMostALine) {
  const std::string huge(100000, 'x');
  const auto brief = [](const std::string& message) { return message.size() < 1000; };
  EXPECT_TRUE(brief(ErrorOf([&] { V(One(huge)).AsInt(0, 9); })));
  EXPECT_TRUE(brief(ErrorOf([&] { V(One(huge)).AsChoice({"a", "b"}); })));
  EXPECT_TRUE(brief(ErrorOf([&] { Document::Parse("? " + huge + "\n: 1\n", "f").root().AllowKeys({"a"}); })));
  EXPECT_TRUE(brief(ErrorOf([&] {
    Document::Parse("? " + huge + "\n: {b: 1}\n", "f").root().entries()[0].second.At("b").AsInt(2, 3);
  })));
  EXPECT_TRUE(brief(ErrorOf([&] { Document::Parse("a: !" + huge + " 1\n", "f"); })));
  EXPECT_TRUE(brief(ErrorOf([&] { Document::Parse("a: *" + huge + "\n", "f"); })));
}

TEST(Document, AKeyMayBeAnAliasOfAWord) {
  const Document document = Document::Parse("a: &k word\n? *k\n: 2\n", "f");
  EXPECT_EQ(document.root().At("word").AsInt(0, 9), 2);
  EXPECT_THAT(ErrorOf([] { Document::Parse("&j b: 3\n? *j\n: 4\n", "f"); }),
              HasSubstr("key 'b' appears twice"));
  EXPECT_THAT(ErrorOf([] { Document::Parse("a: &l [1]\n? *l\n: 4\n", "f"); }),
              HasSubstr("expected a plain word as key"));
}

TEST(Document, ANulByteDoesNotHideWhatFollows) {
  const std::string text("a: 1\0 2\nb: 3\n", 13);
  EXPECT_THROW(Document::Parse(text, "f").root().At("a").AsInt(0, 9), InputError);
}

TEST(Document, FilesThatCannotBeReadSayWhy) {
  EXPECT_EQ(ErrorOf([] { Document::Load("/nonexistent/x.yaml"); }), "/nonexistent/x.yaml: no such file");
  EXPECT_EQ(ErrorOf([] { Document::Load("/tmp"); }), "/tmp: not a regular file");
  EXPECT_EQ(ErrorOf([] { Document::Parse(std::string((16u << 20) + 1, 'x'), "f"); }),
            "f: larger than 16 MiB");
}

TEST(DocumentSet, ReplacesAndAddsValues) {
  Document document = Document::Parse("a: {b: 1}\n", "f");
  document.Set("a.b", "2");
  document.Set("a.c.d", "[3, 4]");
  document.Set("e", "{f: 5}");
  EXPECT_EQ(document.root().At("a").At("b").AsInt(0, 9), 2);
  EXPECT_EQ(document.root().At("a").At("c").At("d").items()[1].path(), "a.c.d[1]");
  EXPECT_EQ(document.root().At("e").At("f").AsInt(0, 9), 5);
  EXPECT_EQ(ErrorOf([&] { document.root().At("a").At("b").AsInt(5, 9); }),
            "--set a.b=2: a.b: '2': expected a whole number from 5 to 9");
}

TEST(DocumentSet, RefusesPathsThatLeadNowhere) {
  Document document = Document::Parse("a: {b: 1}\nl: [1]\n", "f");
  EXPECT_EQ(ErrorOf([&] { document.Set("", "1"); }), "--set =1: expected KEY=VALUE");
  EXPECT_EQ(ErrorOf([&] { document.Set("a..b", "1"); }), "--set a..b=1: empty key in path");
  EXPECT_EQ(ErrorOf([&] { document.Set("a.", "1"); }), "--set a.=1: empty key in path");
  EXPECT_EQ(ErrorOf([&] { document.Set("a.b.c", "1"); }),
            "--set a.b.c=1: 'a.b' is no map, so it has no key 'c'");
  EXPECT_EQ(ErrorOf([&] { document.Set("l.x", "1"); }), "--set l.x=1: 'l' is no map, so it has no key 'x'");
}

TEST(DocumentSet, GoesNoDeeperThanAFile) {
  const auto path = [](int levels) {
    std::string text = "a";
    for (int i = 1; i < levels; ++i) text += ".a";
    return text;
  };
  Document document = Document::Parse("b: 1\n", "f");
  document.Set(path(64), "1");
  EXPECT_THAT(ErrorOf([&] { document.Set(path(65), "1"); }), HasSubstr("nested more than 64 deep"));
  EXPECT_THAT(ErrorOf([&] { document.Set(path(60000), "1"); }), HasSubstr("nested more than 64 deep"));
  EXPECT_THAT(ErrorOf([&] { document.Set("c", std::string(70, '[') + std::string(70, ']')); }),
              HasSubstr("nested more than 64 deep"));
  EXPECT_THAT(ErrorOf([&] { document.Set(path(60).replace(0, 1, "c"), "[[[[[[1]]]]]]"); }),
              HasSubstr("nested more than 64 deep"));
  EXPECT_NO_THROW(Document::Parse("b: 1\n", "f").Canonical());
}

TEST(DocumentSet, MessagesQuoteAtMostALine) {
  Document document = Document::Parse("a: 1\n", "f");
  for (const std::string& path : {std::string(60000, 'x') + ".", "a." + std::string(60000, 'x')})
    EXPECT_LT(ErrorOf([&] { document.Set(path, "1"); }).size(), 1000u);
  document.Set("b", std::string(60000, 'y'));
  EXPECT_LT(ErrorOf([&] { document.root().At("b").AsInt(0, 1); }).size(), 1000u);
}

TEST(DocumentSet, TakesExactlyOneYamlValue) {
  Document document = Document::Parse("a: 1\n", "f");
  EXPECT_THAT(ErrorOf([&] { document.Set("a", "[1"); }), HasSubstr("not valid YAML"));
  EXPECT_THAT(ErrorOf([&] { document.Set("a", "1\nb: 2"); }), HasSubstr("expected one value"));
  EXPECT_THAT(ErrorOf([&] { document.Set("a", ""); }), HasSubstr("expected a value"));
  document.Set("a", "~");
  EXPECT_EQ(document.root().Find("a"), nullptr);
}

TEST(DocumentCanonical, DependsOnContentAlone) {
  const auto canonical = [](const std::string& text) { return Document::Parse(text, "f").Canonical(); };
  EXPECT_EQ(canonical("a: 1\nb: {c: x, d: [1, ~]}\n"),
            canonical("# note\nb:\n  d: [ 1, ~ ]\n  c: 'x'\na:   1\n"));
  EXPECT_NE(canonical("a: 1\n"), canonical("a: 2\n"));
  EXPECT_NE(canonical("a: [1, 2]\n"), canonical("a: [2, 1]\n"));
  EXPECT_NE(canonical("a: ~\n"), canonical("a: '~'\n"));
  EXPECT_NE(canonical("a: ['x\",\"y']\n"), canonical("a: [x, y]\n"));
}

TEST(QuoteYaml, ReadsBackAsItself) {
  for (const char* text : {"plain", "", "it's", "''", "a: b", "{x: 1}", "# no comment", "C:\\dir", "~"}) {
    EXPECT_EQ(Document::Parse(std::string("key: ") + QuoteYaml(text), "t").root().At("key").AsString(), text);
  }
}

TEST(HashHex, IsFnv1a) {
  EXPECT_EQ(HashHex(""), "cbf29ce484222325");   // the offset basis
  EXPECT_EQ(HashHex("a"), "af63dc4c8601ec8c");  // test vector of the FNV reference page
}

}  // namespace
}  // namespace orrery
