// Carries measured efficiencies from the shapes of a table to others. Every row becomes a point: where it
// lies in the logarithms of its shape, and ln(measured / analytic). Points that differ in their first
// coordinate only form a line (one weight matrix at many batch sizes, say); along a line efficiency is
// interpolated linearly, between lines by distance. So a price is exact at a row and keeps the tiles and
// waves of the analytic model between rows.
#pragma once

#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/op/op.h"

namespace orrery::hw {

inline constexpr std::size_t kFeatures = 8;
/// Coordinates of an op; unused ones are 0. One unit is a factor of e in one dimension of the shape. The
/// first is the one a table scans: rows of a GEMM, cached tokens of decode attention.
using Features = std::array<float, kFeatures>;
/// Beyond a factor of 8 from every row measured here a price is no longer called measured.
inline const float kNear = std::log(8.0F);

/// Between two shapes, in factors of e.
double Distance(const Features& a, const Features& b);

/// `sm_share`: SMs the op may use over SMs of its device.
Features FeaturesOf(const Op& op, double sm_share);

inline constexpr int kNoTable = -1;

/// A measured kernel relative to the analytic model of the device it was measured on.
struct EfficiencyPoint {
  Features at{};
  float log_ratio = 0;   ///< ln(measured / analytic)
  float log_beside = 0;  ///< ln(time beside communication / time alone), at least 0
  bool borrowed =
      false;  ///< counts less: measured for another kind, or elsewhere where there are rows from here
  /// Does not make a price a measured one: all that is borrowed, rows of another device or of another sheet.
  bool scaled = false;
  bool derived = false;  ///< of a row that something was taken off
  int table = kNoTable;  ///< which of the tables in use the row is from
};

struct Efficiency {
  double log_ratio = 0;
  double log_beside = 0;
  bool inside = false;   ///< among points measured here, not scaled
  bool derived = false;  ///< the point that counts most is, or all points are on more SMs
  int table = kNoTable;  ///< of the point that counts most
};

/// The points of one op kind.
class EfficiencyMap {
 public:
  void Add(const EfficiencyPoint& point);
  bool empty() const { return points_.empty(); }
  std::size_t size() const { return points_.size(); }
  const EfficiencyPoint& point(std::size_t i) const { return points_[i]; }

  static constexpr std::size_t kNone = static_cast<std::size_t>(-1);
  /// Interpolates at `at`, as if point `without` were not there. The map must have another point.
  Efficiency At(const Features& at, std::size_t without = kNone) const;
  /// As if neither borrowed points were there nor those within kNear of `at`; absent where none is left.
  std::optional<Efficiency> AtFar(const Features& at) const;

 private:
  /// Points with the same coordinates but the first, by that one.
  struct Line {
    Features at{};  // the first is 0
    bool borrowed = false, scaled = false;
    std::vector<std::size_t> points;
  };
  /// What a line says at a query.
  struct Reading {
    float log_ratio = 0, log_beside = 0;
    float beyond = 0;      // distance past the line's ends; 0 between them
    float nearest = 0;     // distance to the nearest point along the line
    int table = kNoTable;  // of that point
    bool derived = false;  // that point
    bool any = false;
  };
  template <class Skips>
  Reading Read(const Line& line, float x, const Skips& skips) const;
  template <class Lines, class Skips>
  std::optional<Efficiency> Interpolate(const Features& at, const Lines& lines, const Skips& skips) const;
  enum class Place : std::uint8_t { kInside, kOnFewerSms, kOutside };
  Place PlaceOf(const Features& at) const;

  std::vector<EfficiencyPoint> points_;
  std::vector<Line> lines_;
  Features low_{}, high_{};  // box of the points that are not scaled
  bool here_ = false;        // there are some
  bool own_ = false;         // there are points that are not borrowed
};

/// The points of one kind, those of rows that price one label only apart.
struct LabelledMaps {
  EfficiencyMap general;
  std::map<std::string, EfficiencyMap, std::less<>> labelled;

  EfficiencyMap& Of(const std::string& label) { return label.empty() ? general : labelled[label]; }
  /// Points for an op of this label: its own if there are any, else the general ones.
  const EfficiencyMap& For(const std::string& label) const {
    if (labelled.empty()) return general;
    const auto own = labelled.find(label);
    return own != labelled.end() ? own->second : general;
  }
};

}  // namespace orrery::hw
