// A value to be written as YAML: what `Value` is to reading.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/base/units.h"

namespace orrery {

/// A scalar, a list or a map. In a map `keys[i]` names `items[i]`.
struct Written {
  enum class Kind { kScalar, kList, kMap };
  Kind kind = Kind::kScalar;
  std::string text;  ///< of a scalar, as it reads back
  std::vector<std::string> keys;
  std::vector<Written> items;

  static Written Scalar(std::string text);
  static Written List();
  static Written Map();
  void Add(std::string key, Written value);
  /// The entry of a map, or nullptr.
  const Written* Find(std::string_view key) const;
  bool operator==(const Written&) const = default;
};

/// Texts with units that `Value` reads back to exactly the same number, in the largest unit that allows it.
std::string NumberText(double value);
std::string BytesText(Bytes bytes);         ///< "80 GB", "227 KiB"
std::string RateText(BytesPerSecond rate);  ///< "50 GB/s"
std::string FlopsRateText(FlopsPerSecond rate);
std::string TimeText(Time time);  ///< "50 ms"
/// "15360 sequences", "1 sequence"; `unit` is the plural.
std::string CountText(double count, std::string_view unit);

/// A scalar as it stands in YAML: plain where that reads back as itself, else in quotes.
std::string YamlScalar(std::string_view text);

/// YAML of a map, two blanks a level; a map or list of a few scalars stands on one line, as people write it.
std::string YamlText(const Written& map);

}  // namespace orrery
