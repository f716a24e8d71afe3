#include "core/config/codecs.h"

namespace orrery {

Codec<Bytes> Size() {
  Codec<Bytes> c;
  c.type = {FieldType::Kind::kQuantity, "size, e.g. 80 GB or 80 GiB", "bytes", 0, {}, {}, {}};
  c.read = [](const Value& v) { return v.AsBytes(); };
  c.write = [](const Bytes& b) { return Written::Scalar(BytesText(b)); };
  return c;
}

Codec<BytesPerSecond> Rate() {
  Codec<BytesPerSecond> c;
  c.type = {FieldType::Kind::kQuantity, "rate, e.g. 50 GB/s or 400 Gb/s", "bytes per second", 0, {}, {}, {}};
  c.read = [](const Value& v) { return v.AsRate(); };
  c.write = [](const BytesPerSecond& r) { return Written::Scalar(RateText(r)); };
  return c;
}

Codec<FlopsPerSecond> FlopsRate() {
  Codec<FlopsPerSecond> c;
  c.type = {FieldType::Kind::kQuantity, "rate, e.g. 989 TFLOPS", "operations per second", 0, {}, {}, {}};
  c.read = [](const Value& v) { return v.AsFlopsRate(); };
  c.write = [](const FlopsPerSecond& r) { return Written::Scalar(r.value > 0 ? FlopsRateText(r) : ""); };
  return c;
}

Codec<Time> Duration() {
  Codec<Time> c;
  c.type = {FieldType::Kind::kQuantity, "time, e.g. 50 ms", "seconds", 0, {}, {}, {}};
  c.read = [](const Value& v) { return v.AsTime(); };
  c.write = [](const Time& t) { return Written::Scalar(TimeText(t)); };
  return c;
}

Codec<bool> Flag() {
  Codec<bool> c;
  c.type = {FieldType::Kind::kFlag, "true or false", "", {}, {}, {}, {}};
  c.read = [](const Value& v) { return v.AsBool(); };
  c.write = [](const bool& b) { return Written::Scalar(b ? "true" : "false"); };
  return c;
}

Codec<std::string> Text(std::string words, std::vector<std::string> offered) {
  Codec<std::string> c;
  c.type = {FieldType::Kind::kText, std::move(words), "", {}, {}, std::move(offered), {}};
  c.read = [](const Value& v) { return v.AsString(); };
  c.write = [](const std::string& s) { return Written::Scalar(s); };
  return c;
}

}  // namespace orrery
