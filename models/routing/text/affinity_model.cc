#include "models/routing/text/affinity_model.h"

#include <cmath>

#include <fmt/format.h>

#include "core/base/error.h"
#include "core/base/random.h"

namespace orrery::models {
namespace {

void Require(bool ok, std::string_view name, double value, std::string_view expected) {
  if (!ok) throw InputError(fmt::format("routing: {} is {}, expected {}", name, value, expected));
}

/// Unit-variance Student t with `freedom` degrees, or normal for 0.
double HeavyNormal(RandomStream& random, int freedom) {
  const double z = random.Normal();
  if (freedom == 0) return z;
  double chi = 0;
  for (int i = 0; i < freedom; ++i) chi += std::pow(random.Normal(), 2);
  return z / std::sqrt(chi / freedom) * std::sqrt((freedom - 2.0) / freedom);
}

/// Rows of unit norm, times `scale`.
std::vector<float> UnitRows(RandomStream& random, int rows, int columns, double scale) {
  std::vector<float> out;
  out.reserve(static_cast<std::size_t>(rows * columns));
  for (int i = 0; i < rows; ++i) {
    std::vector<double> row;
    double norm = 0;
    for (int j = 0; j < columns; ++j) norm += std::pow(row.emplace_back(random.Normal()), 2);
    for (double x : row) out.push_back(static_cast<float>(scale * x / std::sqrt(norm)));
  }
  return out;
}

}  // namespace

void CheckAffinity(const AffinityParameters& p) {
  const auto deviation = [](std::string_view name, double x) {
    Require(std::isfinite(x) && x >= 0 && x <= 10, name, x, "0 to 10");
  };
  Require(std::isfinite(p.offset) && std::abs(p.offset) <= 20, "offset", p.offset, "-20 to 20");
  deviation("expert", p.expert);
  deviation("domain", p.domain);
  deviation("spread", p.spread);
  deviation("document", p.document);
  deviation("token", p.token);
  Require(p.token > 0 || p.document > 0, "token", p.token,
          "more than 0, or a document above 0: no two tokens differ");
  deviation("outlier_sd", p.outlier_sd);
  Require(p.outlier_share >= 0 && p.outlier_share <= 1, "outlier_share", p.outlier_share, "0 to 1");
  Require(p.rank >= 1 && p.rank <= 64, "rank", p.rank, "1 to 64");
  Require(p.correlation >= 0 && p.correlation < 1, "correlation", p.correlation, "0 to below 1");
  Require(p.student == 0 || (p.student >= 3 && p.student <= 100), "student", p.student,
          "0 (Gaussian) or 3 to 100");
  Require(p.domains >= 1 && p.domains <= 256, "domains", p.domains, "1 to 256");
}

std::vector<double> ZipfShares(int domains) {
  std::vector<double> share;
  double sum = 0;
  for (int d = 0; d < domains; ++d) sum += share.emplace_back(1.0 / (d + 1));
  for (double& s : share) s /= sum;
  return share;
}

RouterLayer DrawRouterLayer(const AffinityParameters& p, int experts, std::uint64_t seed, int layer) {
  RandomStream random(seed, "router layer", {static_cast<std::uint64_t>(layer)});
  RouterLayer out{experts, p.rank, p.kind, p.document, p.token, p.correlation, {}, {}, {}};
  std::vector<double> preference(static_cast<std::size_t>(experts));
  for (double& g : preference) g = p.offset + p.expert * random.Normal();
  const double domain_spread = std::exp(p.spread * random.Normal());
  out.base.reserve(static_cast<std::size_t>(p.domains * experts));
  for (int d = 0; d < p.domains; ++d) {
    for (double g : preference) {
      const double affinity = HeavyNormal(random, p.student);
      const bool outlier = p.outlier_share > 0 && random.Uniform() < p.outlier_share;
      const double sd = domain_spread * (outlier ? p.outlier_sd : p.domain);
      out.base.push_back(static_cast<float>(g + sd * affinity));
      if (p.outlier_share > 0) out.deviation.push_back(static_cast<float>(sd));
    }
  }
  out.weight = UnitRows(random, experts, p.rank, p.token);
  return out;
}

void RouterLayer::DocumentBase(int domain, FastNormal& normal, std::span<float> out) const {
  const float* from = base.data() + static_cast<std::ptrdiff_t>(domain) * experts;
  const auto scale = static_cast<float>(document);
  for (int e = 0; e < experts; ++e) out[static_cast<std::size_t>(e)] = from[e] + scale * normal();
}

void RouterLayer::Block(std::span<const float> document_base, std::span<const float> factor,
                        std::span<float> out) const {
  AffinityBlock(kind, experts, rank, document_base.data(), weight.data(), factor.data(), out.data());
}

void TokenFactors::Next(FastNormal& normal, std::span<float> out) {
  const float fresh_share = std::sqrt(1 - a_ * a_);
  if (fresh_) {
    last_.assign(static_cast<std::size_t>(rank_), 0.0f);
    for (float& u : last_) u = normal();
  }
  for (std::size_t t = 0; t < kLanes; ++t) {
    const bool keep = fresh_ && t == 0;
    for (std::size_t r = 0; r < last_.size(); ++r) {
      if (!keep) last_[r] = a_ * last_[r] + fresh_share * normal();
      out[r * kLanes + t] = last_[r];
    }
  }
  fresh_ = false;
}

}  // namespace orrery::models
