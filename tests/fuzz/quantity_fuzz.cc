// A value as each of the things a value may be.
#include "core/base/date.h"
#include "core/config/document.h"
#include "tests/fuzz/fuzz.h"

using namespace orrery;

ORRERY_FUZZ(text) {
  const Document document = Document::Parse("v: " + QuoteYaml(text), "f");
  const Value& v = document.root().At("v");
  IsDate(text);
  fuzz::Try([&] { v.AsBool(); });
  fuzz::Try([&] { v.AsInt(-5, INT64_MAX); });
  fuzz::Try([&] { v.AsDouble(-1e300, 1e300); });
  fuzz::Try([&] { v.AsCount("tokens", 0, std::int64_t{1} << 53); });
  fuzz::Try([&] { v.AsBytes(); });
  fuzz::Try([&] { v.AsRate(); });
  fuzz::Try([&] { v.AsFlopsRate(); });
  fuzz::Try([&] { v.AsTime(); });
  fuzz::Try([&] { v.AsChoice({"one", "two", "three"}); });
}
