// Where an axis carries marks, and how numbers are written beside them. All numbers of one axis have the same
// digits behind the point, so that they stand in columns.
#pragma once

#include <string>
#include <vector>

namespace orrery::gui {

struct Tick {
  double value = 0;
  std::string text;
  bool operator==(const Tick&) const = default;
};

/// Round values (1, 2 or 5 times a power of ten) from `low` to `high`, both included where they are round: at most
/// `most` of them, and at least two where `most` allows it. One tick where `low` equals `high`. `most` >= 1.
std::vector<Tick> Ticks(double low, double high, int most);

/// Of a logarithmic axis: powers of ten, with their doubles and fives where `most` leaves room. 0 < `low` <= `high`.
std::vector<Tick> LogTicks(double low, double high, int most);

/// Of positions that are counted (ranks, layers, steps), 0 to `count` - 1: multiples of 1, 2, 5 (or, of `binary`
/// counts, of a power of two), as many as fit into `most`.
std::vector<int> CountTicks(int count, int most, bool binary);

/// A limit for an axis: the nearest round value at or beyond `value`, away from zero.
double RoundLimit(double value);

/// `value` with `decimals` digits behind the point: "19.40". Never "-0.00".
std::string Fixed(double value, int decimals);

/// At most `digits` significant digits without needless zeros: "0.05", "1.5", "12000".
std::string Short(double value, int digits = 3);

/// A share as a signed percentage: 0.544 is "+54.4 %", -0.02 "-2.0 %", 0 "0.0 %".
std::string SignedPercent(double share, int decimals = 1);

/// A number in thousands: 1234567 is "1,234,567".
std::string Grouped(long long value);

/// A time in seconds with the unit that suits it, at `digits` significant digits: "2.39 ms", "19.4 s".
std::string Seconds(double seconds, int digits = 3);

}  // namespace orrery::gui
