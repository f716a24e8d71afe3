#include "models/routing/sampling/load_sampler.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <span>

namespace orrery::models {
namespace {

std::size_t Index(int i) { return static_cast<std::size_t>(i); }

/// Draws x from independent Gaussians of mean x and the given variances, conditioned on the sum `total`: adds
/// a deviate to each x_i, then takes the excess of the sum over `total` off in proportion to the variances.
void AddDeviates(std::span<float> x, std::span<const float> variance, float total, FastNormal& normal) {
  float sum = 0, spread = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    x[i] += std::sqrt(variance[i]) * normal();
    sum += x[i];
    spread += variance[i];
  }
  if (spread <= 0) return;
  const float share = (total - sum) / spread;
  for (std::size_t i = 0; i < x.size(); ++i) x[i] += share * variance[i];
}

/// Sets `out` to whole numbers in [0, most] that add up to `total` (at most most * size). They are x scaled
/// to the total and rounded, with the rounding error carried from one to the next.
void RoundTo(std::span<const float> x, std::int64_t total, std::int64_t most, std::span<std::int32_t> out) {
  double sum = 0;
  for (float v : x) sum += std::clamp(v, 0.0f, static_cast<float>(most));
  const double scale = sum > 0 ? static_cast<double>(total) / sum : 0;
  double carried = 0;
  std::int64_t left = total;
  for (std::size_t i = 0; i < x.size(); ++i) {
    carried += scale * std::clamp(x[i], 0.0f, static_cast<float>(most));
    const auto value = std::clamp<std::int64_t>(static_cast<std::int64_t>(carried + 0.5) - (total - left), 0,
                                                std::min(most, left));
    out[i] = static_cast<std::int32_t>(value);
    left -= value;
  }
  for (std::size_t i = 0; left > 0 && i < x.size(); ++i) {
    const std::int64_t more = std::min(left, most - out[i]);
    out[i] += static_cast<std::int32_t>(more);
    left -= more;
  }
}

/// Scales `mean` and `variance` by the share that each node keeps. Returns the sum of means after over that
/// before.
float KeepShare(std::span<const float> kept, std::span<float> mean, std::span<float> variance) {
  float before = 0, after = 0;
  for (std::size_t i = 0; i < mean.size(); ++i) {
    before += mean[i];
    after += mean[i] *= kept[i];
    variance[i] *= kept[i];
  }
  return before > 0 && after < before ? after / before : 1.0f;
}

using DroppedRows = LoadSampler::DroppedRows;

/// Brings the rows that share `capacity` down to it. Every slot loses the same share of its rows, those that
/// are never dropped aside.
DroppedRows DropOverCapacity(std::int64_t capacity, std::span<const float> safe,
                             std::span<std::int32_t> rows) {
  DroppedRows all;
  for (std::size_t s = 0; s < rows.size(); ++s) {
    all.selected += rows[s];
    all.safe += std::min(double{safe[s]}, double{1} * rows[s]);
  }
  all.kept = std::min(all.selected, std::max(static_cast<double>(capacity), std::ceil(all.safe)));
  if (all.kept == all.selected) return all;
  std::vector<float> left;
  for (std::size_t s = 0; s < rows.size(); ++s) {
    const double stays = std::min(double{safe[s]}, double{1} * rows[s]);
    left.push_back(static_cast<float>(stays + (rows[s] - stays) * all.Share()));
  }
  RoundTo(left, std::llround(all.kept), std::llround(all.kept), rows);
  return all;
}

}  // namespace

LoadSampler::LoadSampler(const LoadShape& shape)
    : shape_(shape), node_size_(NodeSize(shape)), nodes_(NodeCount(shape)) {}

void LoadSampler::AddUp(const LoadTable& table, const std::vector<TextDocument>& documents) {
  tokens_.assign(Index(table.domains), 0);
  square_.assign(Index(table.domains), 0);
  safe_tokens_.assign(Index(table.domains), 0);
  lane_tokens_.assign(Index(table.domains * node_size_), 0);
  for (const TextDocument& doc : documents) {
    const auto each = static_cast<float>(doc.tokens), n = each * static_cast<float>(doc.alike);
    tokens_[Index(doc.domain)] += n;
    if (doc.kept) safe_tokens_[Index(doc.domain)] += n;
    square_[Index(doc.domain)] += n * each;
    lane_tokens_[Index(doc.rank % node_size_ * table.domains + doc.domain)] += n;
  }
}

/// Draws the number of rows of all tokens, where a token has a variable number of experts.
std::int64_t LoadSampler::DrawRows(const LoadTable& table, FastNormal& normal) const {
  double mean = 0, variance = 0;
  for (std::size_t d = 0; d < tokens_.size(); ++d) {
    mean += double{tokens_[d]} * double{table.rows_mean[d]};
    variance += double{tokens_[d]} * double{table.rows_noise[d]} +
                double{square_[d]} * double{table.rows_document[d]};
  }
  const double rows = mean + std::sqrt(variance) * double{normal()};
  const double most = static_cast<double>(shape_.Tokens()) * table.rows_most;
  return std::llround(std::clamp(rows, 0.0, most));
}

void LoadSampler::DrawSlots(const LoadTable& table, FastNormal& normal, ExchangeLoad* load) {
  const std::size_t slots = Index(table.slots);
  mean_.assign(slots, 0);
  variance_.assign(slots, 0);
  for (std::size_t d = 0; d < tokens_.size(); ++d) {
    if (tokens_[d] == 0) continue;
    AddScaled(mean_.data(), table.slot.data() + d * slots, tokens_[d], slots);
    AddScaled(variance_.data(), table.slot_noise.data() + d * slots, tokens_[d], slots);
    AddScaled(variance_.data(), table.slot_document.data() + d * slots, square_[d], slots);
  }
  reach_ = mean_;  // expected rows, for the share of duplicates
  const std::int64_t tokens = shape_.Tokens();
  const std::int64_t rows = table.rows_mean.empty() ? tokens * shape_.top_k : DrawRows(table, normal);
  AddDeviates(mean_, variance_, static_cast<float>(rows), normal);
  RoundTo(mean_, rows, tokens, load->expert_rows);
}

/// Drops the rows over each capacity, a slot's or a rank's. The expected number of rows of sequences that are
/// never dropped stays. Rows are taken to be dropped independently of each other: a token with j rows on a
/// node that keeps the share q of its rows still goes there with chance 1 - (1 - q)^j. In order of arrival
/// more rows of the same, late tokens would be dropped, and by lowest affinity those of a token's last
/// choices; with capacity factors of 1 and more the difference is within 3 % (tested).
void LoadSampler::Drop(const LoadTable& table, ExchangeLoad* load) {
  kept_rank_.assign(Index(table.ranks), 1.0f);
  node_kept_.assign(Index(nodes_), 1.0f);
  if (shape_.capacity_factor <= 0) return;
  const std::size_t slots = Index(table.slots), per = Index(SlotsPerCapacity(shape_)),
                    per_rank = slots / Index(table.ranks);
  std::vector<float> safe(slots);  // rows expected, then their share of those drawn
  for (std::size_t d = 0; d < safe_tokens_.size(); ++d)
    if (safe_tokens_[d] > 0) AddScaled(safe.data(), table.slot.data() + d * slots, safe_tokens_[d], slots);
  for (std::size_t s = 0; s < slots; ++s)
    safe[s] = reach_[s] > 0 ? safe[s] / reach_[s] * static_cast<float>(load->expert_rows[s]) : 0.0f;
  std::vector<DroppedRows> ranks(Index(table.ranks));
  for (std::size_t first = 0; first < slots; first += per) {
    const auto rows = std::span(load->expert_rows).subspan(first, per);
    const DroppedRows all =
        DropOverCapacity(SharedCapacity(shape_), std::span(safe).subspan(first, per), rows);
    load->dropped_rows += std::llround(all.selected - all.kept);
    ranks[first / per_rank] += all;
  }
  for (std::size_t r = 0; r < ranks.size(); ++r) {
    if (ranks[r].kept > 0)
      kept_rank_[r] = static_cast<float>(
          (ranks[r].safe + (ranks[r].kept - ranks[r].safe) * ranks[r].Share()) / ranks[r].kept);
  }
  KeepNodes(table, ranks);
}

/// Sets the share of the tokens sent to each node that still go there after dropping.
void LoadSampler::KeepNodes(const LoadTable& table, std::span<const DroppedRows> ranks) {
  const double all = std::accumulate(tokens_.begin(), tokens_.end(), 0.0);
  const double safe = std::accumulate(safe_tokens_.begin(), safe_tokens_.end(), 0.0) / std::max(1.0, all);
  for (std::size_t m = 0; m < Index(nodes_); ++m) {
    DroppedRows node;
    for (std::size_t r = m * Index(node_size_); r < (m + 1) * Index(node_size_); ++r) node += ranks[r];
    double tokens = 0;
    for (std::size_t d = 0; d < tokens_.size(); ++d)
      tokens += double{tokens_[d]} * double{table.node[d * Index(nodes_) + m]};
    if (node.selected <= 0 || tokens <= 0) continue;
    const double rows_each = std::max(1.0, node.selected / tokens);
    node_kept_[m] = static_cast<float>(safe + (1 - safe) * (1 - std::pow(1 - node.Share(), rows_each)));
  }
}

void LoadSampler::DrawUnique(const LoadTable& table, FastNormal& normal, ExchangeLoad* load) {
  const std::size_t ranks = Index(table.ranks);
  const int per_rank = table.slots / table.ranks;
  lane_reach_.assign(ranks * Index(node_size_), 0);
  for (std::size_t i = 0; i < lane_tokens_.size(); ++i) {
    if (lane_tokens_[i] == 0) continue;
    const std::size_t lane = i / tokens_.size(), d = i % tokens_.size();
    AddScaled(lane_reach_.data() + lane * ranks, table.rank.data() + d * ranks, lane_tokens_[i], ranks);
  }
  const std::int64_t tokens = shape_.Tokens();
  for (int r = 0; r < table.ranks; ++r) {
    float expected_rows = 0, expected_reach = 0;
    std::int64_t rows = 0;
    for (int s = r * per_rank; s < (r + 1) * per_rank; ++s) {
      expected_rows += reach_[Index(s)];
      rows += load->expert_rows[Index(s)];
    }
    for (int lane = 0; lane < node_size_; ++lane)
      expected_reach += lane_reach_[Index(lane) * ranks + Index(r)];
    const float ratio = expected_rows > 0 ? std::min(1.0f, expected_reach / expected_rows) : 1.0f;
    // Rows of tokens that another row brings to the rank already. Both rows of such a pair must be kept to
    // count.
    const float again = static_cast<float>(rows) * (1 - ratio) * kept_rank_[Index(r)];
    const float unique = static_cast<float>(rows) - again - std::sqrt(again) * normal();
    const std::int64_t most_each = std::min(per_rank, table.rows_most);
    load->unique_rows[Index(r)] = static_cast<std::int32_t>(std::clamp<std::int64_t>(
        std::llround(unique), (rows + most_each - 1) / most_each, std::min(rows, tokens)));
  }
}

void LoadSampler::DrawScaleOut(const LoadTable& table, const std::vector<TextDocument>& documents,
                               FastNormal& normal, ExchangeLoad* load) {
  const std::size_t nodes = Index(nodes_);
  cells_.assign(Index(shape_.ranks) * nodes, 0);
  for (std::size_t i = 0; i < documents.size();) {
    const int rank = documents[i].rank;
    const std::int64_t most = shape_.TokensOf(rank);
    mean_.assign(nodes, 0);
    variance_.assign(nodes, 0);
    float total = 0, total_variance = 0;
    for (; i < documents.size() && documents[i].rank == rank; ++i) {
      const auto each = static_cast<float>(documents[i].tokens),
                 n = each * static_cast<float>(documents[i].alike);
      const std::size_t d = Index(documents[i].domain);
      for (std::size_t m = 0; m < nodes; ++m) {
        mean_[m] += n * table.node[d * nodes + m];
        variance_[m] += n * table.node_noise[d * nodes + m] + n * each * table.node_document[d * nodes + m];
      }
      total += n * table.nodes_mean[d];
      total_variance += n * table.nodes_noise[d];
    }
    total =
        std::clamp(total + std::sqrt(total_variance) * normal(), static_cast<float>(most * table.nodes_least),
                   static_cast<float>(most * table.nodes_most));
    total *= KeepShare(node_kept_, mean_, variance_);
    AddDeviates(mean_, variance_, total, normal);
    RoundTo(mean_, std::llround(total), most, std::span(cells_).subspan(Index(rank) * nodes, nodes));
  }
  for (int r = 0; r < shape_.ranks; ++r) {
    for (int m = 0; m < nodes_; ++m) {
      if (m == r / node_size_) continue;
      load->scale_out_sent[Index(r)] += cells_[Index(r) * nodes + Index(m)];
      load->scale_out_received[Index(m * node_size_ + r % node_size_)] += cells_[Index(r) * nodes + Index(m)];
    }
  }
}

void LoadSampler::DrawScaleUp(const LoadTable& table, FastNormal& normal, ExchangeLoad* load) {
  const std::size_t ranks = Index(table.ranks), lanes = Index(node_size_);
  std::vector<std::int32_t>& by_lane = cells_;
  by_lane.resize(std::max(by_lane.size(), lanes));
  for (int r = 0; r < shape_.ranks; ++r) {
    const std::int32_t unique = load->unique_rows[Index(r)];
    mean_.resize(lanes);
    variance_.resize(lanes);
    float sum = 0;
    for (std::size_t i = 0; i < lanes; ++i) sum += lane_reach_[i * ranks + Index(r)];
    const float scale = sum > 0 ? static_cast<float>(unique) / sum : 0;
    for (std::size_t i = 0; i < lanes; ++i) {
      mean_[i] = scale * lane_reach_[i * ranks + Index(r)];
      variance_[i] = mean_[i] * table.rank_noise;
    }
    AddDeviates(mean_, variance_, static_cast<float>(unique), normal);
    RoundTo(mean_, unique, unique, std::span(by_lane).first(lanes));
    for (int i = 0; i < node_size_; ++i) {
      const int gateway = r / node_size_ * node_size_ + i;
      if (gateway == r) continue;
      load->scale_up_sent[Index(gateway)] += by_lane[Index(i)];
      load->scale_up_received[Index(r)] += by_lane[Index(i)];
    }
  }
}

void LoadSampler::Sample(const LoadTable& table, const std::vector<TextDocument>& documents,
                         RandomStream random, ExchangeLoad* load) {
  ClearLoad(shape_, load);
  FastNormal normal(random);
  AddUp(table, documents);
  DrawSlots(table, normal, load);
  Drop(table, load);
  DrawUnique(table, normal, load);
  DrawScaleOut(table, documents, normal, load);
  DrawScaleUp(table, normal, load);
}

}  // namespace orrery::models
