// Decode attention: the absorbed MLA kernel, and the baselines with ordinary heads.
#include <cmath>
#include <numeric>
#include <random>
#include <vector>

#include "profiler/device/kernels/head_decode.h"
#include "profiler/device/kernels/mla_decode.h"
#include "profiler/device/workloads/function_workload.h"
#include "profiler/suite/error_norm.h"
#include "profiler/suite/reference.h"

namespace orrery::profiler {
namespace {

// Probabilities are rounded to bf16 before the second product, and so is the output.
constexpr double kTolerance = 1e-2;

// A random permutation of the pages: [batch, tiles].
std::vector<int> ShuffledTable(int entries, std::uint64_t seed) {
  std::vector<int> pages(static_cast<std::size_t>(entries));
  std::iota(pages.begin(), pages.end(), 0);
  std::mt19937_64 random(seed);
  for (std::size_t i = pages.size(); i > 1; --i) std::swap(pages[i - 1], pages[random() % i]);
  return pages;
}

struct Sizes {
  explicit Sizes(const AttentionShape& s)
      : batch(static_cast<int>(s.batch)),
        heads(static_cast<int>(s.heads)),
        kv_heads(static_cast<int>(s.kv_heads)),
        q_len(static_cast<int>(s.q_len)),
        length(static_cast<int>(s.kv_len)),
        tiles((length + kKvTile - 1) / kKvTile) {}
  int batch, heads, kv_heads, q_len, length, tiles;
  int rows() const { return heads * q_len; }
  int pages() const { return batch * tiles; }
};

std::size_t Product(std::initializer_list<long> factors) {
  std::size_t product = 1;
  for (const long f : factors) product *= static_cast<std::size_t>(f);
  return product;
}

enum MlaBuffer : std::size_t { kQuery, kCache, kOut };
enum MlaShared : std::size_t { kTable, kLengths, kItems, kPartBegin, kSlotBegin, kPartialOut, kPartialLse };

// Keys of one sequence in order, [length, 576].
Doubles CacheOf(const DeviceBuffer& cache, const std::vector<int>& table, const Sizes& s, int sequence,
                cudaStream_t stream) {
  Doubles keys;
  constexpr std::size_t kPage = static_cast<std::size_t>(kKvTile) * kMlaKeyWidth;
  for (int tile = 0; tile < s.tiles; ++tile) {
    const auto page = static_cast<std::size_t>(table[static_cast<std::size_t>(sequence * s.tiles + tile)]);
    const Doubles rows = Bf16ToHost(cache, page * kPage, kPage, stream);
    keys.insert(keys.end(), rows.begin(), rows.end());
  }
  return keys;
}

double CheckMla(const BufferSet& set, const std::vector<int>& table, const Sizes& s, double scale,
                cudaStream_t stream) {
  ErrorNorm error;
  const std::size_t values = Product({s.batch, s.rows(), kMlaValueWidth});
  if (CountNotFinite(set[kOut].as<Bf16>(), values, stream) > 0) return std::nan("");
  for (const std::size_t sequence : SampleRows(static_cast<std::size_t>(s.batch), s.batch > 2 ? 3 : 2)) {
    const Doubles keys = CacheOf(set[kCache], table, s, static_cast<int>(sequence), stream);
    for (const std::size_t row : SampleRows(static_cast<std::size_t>(s.rows()), 4)) {
      const std::size_t at = sequence * static_cast<std::size_t>(s.rows()) + row;
      const Doubles q = Bf16ToHost(set[kQuery], at * kMlaKeyWidth, kMlaKeyWidth, stream);
      const Doubles ours = Bf16ToHost(set[kOut], at * kMlaValueWidth, kMlaValueWidth, stream);
      const std::size_t seen =
          static_cast<std::size_t>(s.length - (s.q_len - 1 - static_cast<int>(row) / s.heads));
      const Doubles reference =
          AttendRow(q, keys, kMlaKeyWidth, keys, kMlaKeyWidth, kMlaValueWidth, seen, scale);
      for (std::size_t i = 0; i < ours.size(); ++i) error.Add(ours[i], reference[i]);
    }
  }
  return error.Relative();
}

std::unique_ptr<Workload> MakeMla(const SuiteCase& c, const WorkloadOptions& options) {
  const Sizes s(std::get<AttentionShape>(c.shape));
  const std::size_t q_bytes = Product({2, s.batch, s.rows(), kMlaKeyWidth});
  const std::size_t kv_bytes = Product({2, s.pages(), kKvTile, kMlaKeyWidth});
  auto work = std::make_unique<FunctionWorkload>(
      std::initializer_list<std::size_t>{q_bytes, kv_bytes, Product({2, s.batch, s.rows(), kMlaValueWidth})},
      options, kTolerance);
  for (std::size_t i = 0; i < work->sets().size(); ++i) {
    BufferSet& set = work->sets()[i];
    FillNormal(set[kQuery].as<Bf16>(), q_bytes / 2, options.seed * 10 + i, 1.0f, nullptr);
    FillNormal(set[kCache].as<Bf16>(), kv_bytes / 2, options.seed * 10 + i + 5, 1.0f, nullptr);
  }
  const std::vector<int> table = ShuffledTable(s.pages(), options.seed);
  const std::vector<std::int32_t> lengths(static_cast<std::size_t>(s.batch), s.length);
  const int parts = MlaParts(s.heads, s.q_len, c.sms);
  const SplitKvPlan plan = PlanSplitKv(lengths, parts);
  auto& shared = work->shared();
  shared.push_back(Upload(table));
  shared.push_back(Upload(lengths));
  shared.push_back(Upload(plan.items));
  shared.push_back(Upload(plan.part_begin));
  shared.push_back(Upload(plan.slot_begin));
  shared.emplace_back(Product({4, plan.slots(), s.rows(), kMlaValueWidth}));
  shared.emplace_back(Product({4, plan.slots(), s.rows()}));
  const double scale = 1.0 / std::sqrt(192.0);  // of the unabsorbed query, 128 + 64
  const auto slots = plan.slots();
  work->OnLaunch([s, parts, slots, scale, &shared](const BufferSet& set, cudaStream_t stream) {
    MlaDecode d;
    d.batch = s.batch, d.heads = s.heads, d.query_tokens = s.q_len, d.scale = static_cast<float>(scale);
    d.q = set[kQuery].as<Bf16>(), d.kv = set[kCache].as<Bf16>(), d.pages = s.pages(),
    d.out = set[kOut].as<Bf16>();
    d.block_table = shared[kTable].as<int>(), d.table_stride = s.tiles,
    d.lengths = shared[kLengths].as<int>();
    d.items = shared[kItems].as<DecodeItem>(), d.part_begin = shared[kPartBegin].as<int>(),
    d.slot_begin = shared[kSlotBegin].as<int>();
    d.parts = parts, d.slots = slots, d.partial_out = shared[kPartialOut].as<float>(),
    d.partial_lse = shared[kPartialLse].as<float>();
    LaunchMlaDecode(d, stream);
  });
  work->OnCheck({kOut}, [s, table, scale](const BufferSet& set, cudaStream_t stream) {
    return CheckMla(set, table, s, scale, stream);
  });
  return work;
}

enum HeadBuffer : std::size_t { kHeadQuery, kKeys, kValues, kHeadOut };
enum HeadShared : std::size_t { kHeadTable, kHeadSlotBegin, kHeadPartialOut, kHeadPartialLse };

// Rows of one key-value head of one sequence in order, [length, 128].
Doubles HeadRowsOf(const DeviceBuffer& cache, const std::vector<int>& table, const Sizes& s, int sequence,
                   int kv_head, cudaStream_t stream) {
  Doubles rows;
  constexpr std::size_t kPage = static_cast<std::size_t>(kKvTile) * kHeadWidth;
  for (int tile = 0; tile < s.tiles; ++tile) {
    const auto page = static_cast<std::size_t>(table[static_cast<std::size_t>(sequence * s.tiles + tile)]);
    const std::size_t at = page * static_cast<std::size_t>(s.kv_heads) + static_cast<std::size_t>(kv_head);
    const Doubles part = Bf16ToHost(cache, at * kPage, kPage, stream);
    rows.insert(rows.end(), part.begin(), part.end());
  }
  return rows;
}

double CheckHeads(const BufferSet& set, const std::vector<int>& table, const Sizes& s, double scale,
                  cudaStream_t stream) {
  ErrorNorm error;
  if (CountNotFinite(set[kHeadOut].as<Bf16>(), Product({s.batch, s.heads, kHeadWidth}), stream) > 0)
    return std::nan("");
  for (const std::size_t sequence : SampleRows(static_cast<std::size_t>(s.batch), 3)) {
    for (const std::size_t head : SampleRows(static_cast<std::size_t>(s.heads), 4)) {
      const int kv_head = static_cast<int>(head) / (s.heads / s.kv_heads);
      const Doubles keys = HeadRowsOf(set[kKeys], table, s, static_cast<int>(sequence), kv_head, stream);
      const Doubles values = HeadRowsOf(set[kValues], table, s, static_cast<int>(sequence), kv_head, stream);
      const std::size_t at = (sequence * static_cast<std::size_t>(s.heads) + head) * kHeadWidth;
      const Doubles ours = Bf16ToHost(set[kHeadOut], at, kHeadWidth, stream);
      const Doubles reference =
          AttendRow(Bf16ToHost(set[kHeadQuery], at, kHeadWidth, stream), keys, kHeadWidth, values, kHeadWidth,
                    kHeadWidth, static_cast<std::size_t>(s.length), scale);
      for (std::size_t i = 0; i < ours.size(); ++i) error.Add(ours[i], reference[i]);
    }
  }
  return error.Relative();
}

std::unique_ptr<Workload> MakeHeads(const SuiteCase& c, const WorkloadOptions& options) {
  const Sizes s(std::get<AttentionShape>(c.shape));
  const std::size_t q_bytes = Product({2, s.batch, s.heads, kHeadWidth});
  const std::size_t kv_bytes = Product({2, s.pages(), s.kv_heads, kKvTile, kHeadWidth});
  auto work = std::make_unique<FunctionWorkload>(
      std::initializer_list<std::size_t>{q_bytes, kv_bytes, kv_bytes, q_bytes}, options, kTolerance);
  for (std::size_t i = 0; i < work->sets().size(); ++i) {
    BufferSet& set = work->sets()[i];
    FillNormal(set[kHeadQuery].as<Bf16>(), q_bytes / 2, options.seed * 10 + i, 1.0f, nullptr);
    FillNormal(set[kKeys].as<Bf16>(), kv_bytes / 2, options.seed * 10 + i + 3, 1.0f, nullptr);
    FillNormal(set[kValues].as<Bf16>(), kv_bytes / 2, options.seed * 10 + i + 6, 1.0f, nullptr);
  }
  const std::vector<int> table = ShuffledTable(s.pages(), options.seed);
  const int splits = UniformSplits(s.batch * s.kv_heads, s.tiles, 2 * c.sms);
  std::vector<int> slot_begin(static_cast<std::size_t>(s.batch) + 1);
  for (std::size_t b = 0; b < slot_begin.size(); ++b) slot_begin[b] = static_cast<int>(b) * splits;
  auto& shared = work->shared();
  shared.push_back(Upload(table));
  shared.push_back(Upload(slot_begin));
  shared.emplace_back(Product({4, s.batch, splits, s.heads, kHeadWidth}));
  shared.emplace_back(Product({4, s.batch, splits, s.heads}));
  const double scale = 1.0 / std::sqrt(static_cast<double>(kHeadWidth));
  work->OnLaunch([s, splits, scale, &shared](const BufferSet& set, cudaStream_t stream) {
    HeadDecode d;
    d.batch = s.batch, d.heads = s.heads, d.kv_heads = s.kv_heads, d.length = s.length,
    d.scale = static_cast<float>(scale);
    d.q = set[kHeadQuery].as<Bf16>(), d.k = set[kKeys].as<Bf16>(), d.v = set[kValues].as<Bf16>(),
    d.out = set[kHeadOut].as<Bf16>();
    d.block_table = shared[kHeadTable].as<int>(), d.table_stride = s.tiles;
    d.splits = splits, d.slot_begin = shared[kHeadSlotBegin].as<int>();
    d.partial_out = shared[kHeadPartialOut].as<float>(), d.partial_lse = shared[kHeadPartialLse].as<float>();
    LaunchHeadDecode(d, stream);
  });
  work->OnCheck({kHeadOut}, [s, table, scale](const BufferSet& set, cudaStream_t stream) {
    return CheckHeads(set, table, s, scale, stream);
  });
  return work;
}

}  // namespace

std::unique_ptr<Workload> MakeAttentionWorkload(const SuiteCase& suite_case, const WorkloadOptions& options) {
  const auto& shape = std::get<AttentionShape>(suite_case.shape);
  auto work = shape.d_qk == kMlaKeyWidth ? MakeMla(suite_case, options) : MakeHeads(suite_case, options);
  ORRERY_CUDA_CHECK(cudaDeviceSynchronize());
  return work;
}

}  // namespace orrery::profiler
