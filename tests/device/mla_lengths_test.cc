// MLA decode on sequences of different lengths, every element compared; the suite's cases are all of one
// length.
#include <cmath>
#include <random>

#include <gtest/gtest.h>

#include "profiler/device/kernels/mla_decode.h"
#include "profiler/device/runtime/check.h"
#include "profiler/suite/number_formats.h"
#include "profiler/suite/reference.h"
#include "tests/device/workload_run.h"

namespace orrery::profiler {
namespace {

class MixedLengths {
 public:
  MixedLengths(std::vector<std::int32_t> lengths, int heads, int query_tokens)
      : lengths_(std::move(lengths)), heads_(heads), query_tokens_(query_tokens) {
    int pages = 1;  // page 0 belongs to nobody
    for (const std::int32_t length : lengths_) stride_ = std::max(stride_, TilesOf(length));
    for (const std::int32_t length : lengths_) {
      for (int tile = 0; tile < stride_; ++tile) table_.push_back(tile < TilesOf(length) ? pages++ : 0);
    }
    pages_ = pages;
    q_ = Random(lengths_.size() * Rows() * kMlaKeyWidth);
    cache_ = Random(static_cast<std::size_t>(pages) * kKvTile * kMlaKeyWidth);
    std::fill_n(cache_.begin(), kKvTile * kMlaKeyWidth, std::uint16_t{0xFFFF});
  }

  std::vector<std::uint16_t> Run(int parts) const {
    const SplitKvPlan plan = PlanSplitKv(lengths_, parts);
    const std::size_t values = lengths_.size() * Rows() * kMlaValueWidth;
    const DeviceBuffer q = Upload(q_), cache = Upload(cache_), table = Upload(table_),
                       lengths = Upload(lengths_), items = Upload(plan.items),
                       part_begin = Upload(plan.part_begin), slot_begin = Upload(plan.slot_begin),
                       out(2 * values),
                       partial_out(4 * static_cast<std::size_t>(plan.slots()) * Rows() * kMlaValueWidth),
                       partial_lse(4 * static_cast<std::size_t>(plan.slots()) * Rows());
    MlaDecode d;
    d.batch = static_cast<int>(lengths_.size()), d.heads = heads_, d.query_tokens = query_tokens_,
    d.scale = kScale;
    d.q = q.as<__nv_bfloat16>(), d.kv = cache.as<__nv_bfloat16>(), d.pages = pages_,
    d.out = out.as<__nv_bfloat16>();
    d.block_table = table.as<int>(), d.table_stride = stride_, d.lengths = lengths.as<int>();
    d.items = items.as<DecodeItem>(), d.part_begin = part_begin.as<int>(),
    d.slot_begin = slot_begin.as<int>();
    d.parts = parts, d.slots = plan.slots(), d.partial_out = partial_out.as<float>();
    d.partial_lse = partial_lse.as<float>();
    Poison(out, nullptr);
    LaunchMlaDecode(d, nullptr);
    return Download(out.as<std::uint16_t>(), values, nullptr);
  }

  Doubles Reference(std::size_t sequence, std::size_t row) const {
    Doubles keys;
    for (int tile = 0; tile < TilesOf(lengths_[sequence]); ++tile) {
      const auto page = static_cast<std::size_t>(
          table_[sequence * static_cast<std::size_t>(stride_) + static_cast<std::size_t>(tile)]);
      for (std::size_t i = 0; i < kKvTile * kMlaKeyWidth; ++i)
        keys.push_back(DecodeBf16(cache_[page * kKvTile * kMlaKeyWidth + i]));
    }
    Doubles q;
    for (std::size_t i = 0; i < kMlaKeyWidth; ++i)
      q.push_back(DecodeBf16(q_[(sequence * Rows() + row) * kMlaKeyWidth + i]));
    const int token = static_cast<int>(row) / heads_;
    const auto seen = static_cast<std::size_t>(lengths_[sequence] - (query_tokens_ - 1 - token));
    return AttendRow(q, keys, kMlaKeyWidth, keys, kMlaKeyWidth, kMlaValueWidth, seen, kScale);
  }

  void ExpectAll(const std::vector<std::uint16_t>& out) const {
    for (std::size_t sequence = 0; sequence < lengths_.size(); ++sequence) {
      for (std::size_t row = 0; row < Rows(); row += 13) {
        const Doubles reference = Reference(sequence, row);
        for (std::size_t i = 0; i < reference.size(); ++i) {
          const double ours = DecodeBf16(out[(sequence * Rows() + row) * kMlaValueWidth + i]);
          ASSERT_NEAR(ours, reference[i], 0.01 * std::fabs(reference[i]) + 0.01)
              << sequence << " " << row << " " << i;
        }
      }
    }
  }

 private:
  static constexpr float kScale = 0.0721687836f;  // 1 / sqrt(192)
  static int TilesOf(std::int32_t length) { return (length + kKvTile - 1) / kKvTile; }
  std::size_t Rows() const { return static_cast<std::size_t>(heads_ * query_tokens_); }
  std::vector<std::uint16_t> Random(std::size_t count) {
    std::vector<std::uint16_t> values(count);
    for (auto& v : values) v = EncodeBf16(normal_(random_));
    return values;
  }

  std::vector<std::int32_t> lengths_;
  int heads_, query_tokens_;
  int stride_ = 1, pages_ = 0;
  std::vector<int> table_;
  std::mt19937 random_{9};
  std::normal_distribution<float> normal_;
  std::vector<std::uint16_t> q_, cache_;
};

TEST(MlaDecode, ServesSequencesOfAllLengthsInOneBatch) {
  for (const TimingCase& timing : kTimings) {
    const TimingScope scope(timing);
    const MixedLengths batch({1, 200, 64, 129, 3}, 64, 1);
    for (const int parts : {1, 3, 7}) batch.ExpectAll(batch.Run(parts));
  }
}

TEST(MlaDecode, LetsTheFirstOfTwoQueriesSeeOneTokenLess) {
  const MixedLengths batch({2, 65, 129}, 64, 2);
  for (const int parts : {1, 4}) batch.ExpectAll(batch.Run(parts));
}

}  // namespace
}  // namespace orrery::profiler
