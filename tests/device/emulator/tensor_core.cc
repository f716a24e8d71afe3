#include "tests/device/emulator/tensor_core.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <memory>

#include "profiler/suite/number_formats.h"
#include "tests/device/emulator/copy_engine.h"
#include "tests/device/emulator/machine.h"

namespace orrery::emulator {
namespace {

constexpr int kRows = 16;       // of a warp
constexpr int kStepBytes = 32;  // of K in one instruction
constexpr std::size_t kMostK = 32;
constexpr int kMostN = 256;
constexpr unsigned kAllLanes = 0xFFFFFFFFu;

// PTX ISA, "Matrix descriptor" of wgmma.
struct Descriptor {
  std::uint32_t start, leading, stride;
  explicit Descriptor(std::uint64_t bits)
      : start(Field(bits, 0)), leading(Field(bits, 16)), stride(Field(bits, 32)) {
    if (bits >> 62 != 1) Fail("only the 128-byte swizzle of matrix descriptors is modelled");
    if ((bits >> 49 & 7u) != 0) Fail("only matrix descriptors with base offset 0 are modelled");
    if ((bits & 0x3FFE'C000'C000'C000u) != 0) Fail("reserved bits of a matrix descriptor are set");
  }
  static std::uint32_t Field(std::uint64_t bits, int first) {
    return static_cast<std::uint32_t>(bits >> first & 0x3FFFu) << 4;
  }
};

float Bf16(const std::uint8_t* bytes) {
  std::uint16_t bits;
  std::memcpy(&bits, bytes, 2);
  return static_cast<float>(profiler::DecodeBf16(bits));
}

const std::array<float, 256>& E4m3() {
  static const std::array<float, 256> table = [] {
    std::array<float, 256> values;
    for (std::size_t i = 0; i < values.size(); ++i)
      values[i] = static_cast<float>(profiler::DecodeE4m3(static_cast<std::uint8_t>(i)));
    return values;
  }();
  return table;
}

// Row `row` of a K-major operand: rows of 128 bytes, groups of 8 rows `stride` apart, the swizzle over it.
void ReadKMajor(SharedMemory& shared, const Descriptor& descriptor, int row, bool fp8, float* out) {
  const std::uint32_t first = descriptor.start + static_cast<std::uint32_t>(row / 8) * descriptor.stride +
                              static_cast<std::uint32_t>(row % 8) * 128;
  for (std::uint32_t chunk = 0; chunk < kStepBytes; chunk += 16) {
    const std::uint8_t* bytes = shared.EngineAt(Swizzled128(first + chunk), 16);
    if (fp8) {
      for (int i = 0; i < 16; ++i) *out++ = E4m3()[bytes[i]];
    } else {
      for (int i = 0; i < 16; i += 2) *out++ = Bf16(bytes + i);
    }
  }
}

// Step k of an MN-major bf16 operand: 64 columns to a row of 128 bytes, blocks of 64 `leading` apart, groups
// of 8 steps `stride` apart.
void ReadMnMajor(SharedMemory& shared, const Descriptor& descriptor, int k, int columns, float* out) {
  for (int column = 0; column < columns; column += 8) {
    const std::uint32_t address =
        descriptor.start + static_cast<std::uint32_t>(column / 64) * descriptor.leading +
        static_cast<std::uint32_t>(column % 64) * 2 + static_cast<std::uint32_t>(k / 8) * descriptor.stride +
        static_cast<std::uint32_t>(k % 8) * 128;
    const std::uint8_t* bytes = shared.EngineAt(Swizzled128(address), 16);
    for (int i = 0; i < 8; ++i) *out++ = Bf16(bytes + 2 * i);
  }
}

// Fragment of A in registers: lane l holds rows l / 4 and l / 4 + 8, steps 2 (l % 4) + {0, 1} and 8 more.
void ReadFragment(const std::uint32_t* registers, std::size_t lane, float (&a)[kRows][kMostK]) {
  for (std::size_t i = 0; i < 4; ++i) {
    std::uint8_t bytes[4];
    std::memcpy(bytes, registers + i, 4);
    const std::size_t row = lane / 4 + i % 2 * 8;
    const std::size_t step = lane % 4 * 2 + i / 2 * 8;
    a[row][step] = Bf16(bytes);
    a[row][step + 1] = Bf16(bytes + 2);
  }
}

// Sum of one element with what a 14-bit alignment to the largest addend leaves.
float ShortSum(float sum, const float* a, const float* b, std::size_t b_step) {
  float terms[kMostK + 1];
  terms[kMostK] = sum;
  float largest = std::fabs(sum);
  for (std::size_t k = 0; k < kMostK; ++k) {
    terms[k] = a[k] * b[k * b_step];
    largest = std::max(largest, std::fabs(terms[k]));
  }
  if (largest == 0.0f || !std::isfinite(largest)) return std::isfinite(largest) ? 0.0f : largest;
  int exponent = 0;
  std::frexp(largest, &exponent);
  const float unit = std::ldexp(1.0f, exponent - 14);
  float total = 0.0f;
  for (const float term : terms) total += std::trunc(term / unit) * unit;
  return total;
}

struct Operands {
  float a[kRows][kMostK];
  float b[kMostK][kMostN];
  float sum[kRows][kMostN];
};

void ReadOperands(const Product& p, SharedMemory& shared, int warp, Operands& o) {
  const int steps = p.fp8 ? 32 : 16;
  for (int row = 0; row < kRows && !p.a_in_registers; ++row)
    ReadKMajor(shared, Descriptor(p.a), warp % 4 * kRows + row, p.fp8, o.a[row]);
  for (std::size_t lane = 0; lane < 32 && p.a_in_registers; ++lane)
    ReadFragment(p.a_registers[lane], lane, o.a);
  const Descriptor b(p.b);
  if (p.mn_major_b) {
    for (int k = 0; k < steps; ++k) ReadMnMajor(shared, b, k, p.n, o.b[k]);
    return;
  }
  for (int column = 0; column < p.n; ++column) {
    float values[kMostK];
    ReadKMajor(shared, b, column, p.fp8, values);
    for (int k = 0; k < steps; ++k) o.b[k][column] = values[k];
  }
}

// Accumulator fragment: element i of lane l is row l / 4 (+ 8 where i % 4 >= 2), column 8 (i / 4) + 2 (l % 4)
// + i % 2.
template <typename Visit>
void ForEachAccumulator(const Product& p, Visit visit) {
  for (std::size_t lane = 0; lane < 32; ++lane) {
    for (std::size_t i = 0; i < static_cast<std::size_t>(p.n / 2); ++i)
      visit(p.d[lane][i], lane / 4 + i % 4 / 2 * 8, i / 4 * 8 + lane % 4 * 2 + i % 2);
  }
}

void Multiply(const Product& p, Operands& o) {
  const int steps = p.fp8 ? 32 : 16;
  for (int row = 0; row < kRows; ++row) {
    if (p.fp8 && settings().short_accumulator) {
      for (int n = 0; n < p.n; ++n) o.sum[row][n] = ShortSum(o.sum[row][n], o.a[row], &o.b[0][n], kMostN);
      continue;
    }
    for (int k = 0; k < steps; ++k) {
      const float a = o.a[row][k];
      for (int n = 0; n < p.n; ++n) o.sum[row][n] += a * o.b[k][n];
    }
  }
}

void Execute(const Product& p, SharedMemory& shared, int warp) {
  static const auto operands = std::make_unique<Operands>();
  Operands& o = *operands;
  ReadOperands(p, shared, warp, o);
  ForEachAccumulator(p, [&](float& d, std::size_t row, std::size_t column) {
    o.sum[row][column] = p.accumulate ? d : 0.0f;
  });
  Multiply(p, o);
  ForEachAccumulator(p, [&](float& d, std::size_t row, std::size_t column) { d = o.sum[row][column]; });
}

void Poison(float* d, int n) { std::fill(d, d + n / 2, std::numeric_limits<float>::quiet_NaN()); }

struct MatrixRows {
  std::uint32_t address;
  std::uint32_t* r;
};

std::uint32_t RowAddress(const std::array<void*, 32>& operands, std::size_t matrix, std::size_t row) {
  const std::uint32_t address = static_cast<MatrixRows*>(operands[8 * matrix + row])->address;
  if (address % 16 != 0) Fail("a row of ldmatrix or stmatrix must be aligned to 16 bytes");
  return address;
}

}  // namespace

std::size_t ProductQueue::Lane() { return static_cast<std::size_t>(Current().lane()); }

ProductQueue& Products() {
  Warp& warp = Current().warp();
  if (warp.products == nullptr) warp.products = std::make_unique<ProductQueue>();
  return *warp.products;
}

Product& ProductQueue::Find(std::uint64_t number, const Product& instruction) {
  const std::size_t position = number - retired_;
  if (position == queue_.size()) queue_.push_back(instruction);
  Product& p = queue_[position];
  if (p.n != instruction.n || p.fp8 != instruction.fp8 || p.a != instruction.a || p.b != instruction.b ||
      p.accumulate != instruction.accumulate || p.a_in_registers != instruction.a_in_registers)
    Fail("lanes of one warp issued different products");
  return p;
}

void ProductQueue::Issue(const Product& instruction, float* d, const std::uint32_t* a) {
  LaneState& state = lanes_[Lane()];
  if (!state.fenced) Fail("wgmma.mma_async without a wgmma.fence after its registers could be touched");
  if (Current().warp().present != kAllLanes) Fail("wgmma by an incomplete warp");
  Product& p = Find(state.issued++, instruction);
  const std::size_t lane = Lane();
  if (p.lanes == 0) p.group = state.group;
  if (p.group != state.group) Fail("lanes of one warp committed their products differently");
  p.d[lane] = d;
  p.a_registers[lane] = a;
  p.lanes |= 1u << lane;
  if (settings().timing != Timing::kEager) return TakeAccumulators(p, lane, state.issued - 1 - retired_);
  if (p.lanes == kAllLanes) RetireFirst();
}

// Until the product is done its accumulators hold nothing a kernel could use.
void ProductQueue::TakeAccumulators(Product& p, std::size_t lane, std::size_t position) {
  for (std::size_t i = 0; i < position; ++i) {
    if (queue_[i].d[lane] == p.d[lane]) return;
  }
  p.saved[lane].assign(p.d[lane], p.d[lane] + p.n / 2);
  Poison(p.d[lane], p.n);
}

void ProductQueue::RetireFirst() {
  const Product p = std::move(queue_.front());
  queue_.pop_front();
  ++retired_;
  for (std::size_t lane = 0; lane < 32; ++lane)
    std::copy(p.saved[lane].begin(), p.saved[lane].end(), p.d[lane]);
  const Thread& t = Current();
  Execute(p, t.cta->shared, t.number / 32);
  if (settings().timing == Timing::kEager) return;
  for (std::size_t lane = 0; lane < 32; ++lane) {
    const auto next = std::find_if(queue_.begin(), queue_.end(), [&](const Product& q) {
      return (q.lanes >> lane & 1u) != 0 && q.d[lane] == p.d[lane];
    });
    if (next == queue_.end()) continue;
    next->saved[lane].assign(p.d[lane], p.d[lane] + p.n / 2);
    Poison(p.d[lane], p.n);
  }
}

void ProductQueue::Wait(int pending, const std::source_location& where) {
  LaneState& state = lanes_[Lane()];
  state.fenced = false;
  const std::uint64_t groups = state.group;
  const std::uint64_t last =
      groups > static_cast<std::uint64_t>(pending) ? groups - static_cast<std::uint64_t>(pending) : 0;
  Meet(
      "wgmma.wait_group", kAllLanes, nullptr,
      [&](std::array<void*, 32>&) {
        while (!queue_.empty() && queue_.front().group < last) {
          if (queue_.front().lanes != kAllLanes) Fail("a lane of the warp did not issue a product");
          RetireFirst();
        }
      },
      where);
}

void LoadMatrices(std::uint32_t address, std::uint32_t (&r)[4], bool transposed,
                  const std::source_location& where) {
  MatrixRows mine{address, r};
  Meet(
      transposed ? "ldmatrix.trans" : "ldmatrix", kAllLanes, &mine,
      [&](std::array<void*, 32>& operands) {
        const SharedMemory& shared = Current().cta->shared;
        for (std::size_t matrix = 0; matrix < 4; ++matrix) {
          std::uint16_t elements[8][8];
          for (std::size_t row = 0; row < 8; ++row)
            std::memcpy(elements[row], shared.At(RowAddress(operands, matrix, row), 16), 16);
          for (std::size_t lane = 0; lane < 32; ++lane) {
            const std::size_t i = lane / 4;
            const std::size_t j = lane % 4 * 2;
            const std::uint16_t low = transposed ? elements[j][i] : elements[i][j];
            const std::uint16_t high = transposed ? elements[j + 1][i] : elements[i][j + 1];
            static_cast<MatrixRows*>(operands[lane])->r[matrix] = low | static_cast<std::uint32_t>(high)
                                                                            << 16;
          }
        }
      },
      where);
}

void StoreMatrices(std::uint32_t address, const std::uint32_t (&r)[4], const std::source_location& where) {
  std::uint32_t copy[4] = {r[0], r[1], r[2], r[3]};
  MatrixRows mine{address, copy};
  Meet(
      "stmatrix", kAllLanes, &mine,
      [](std::array<void*, 32>& operands) {
        Thread& self = Current();
        Thread* first = &self.cta->threads[static_cast<std::size_t>(self.number - self.lane())];
        for (std::size_t matrix = 0; matrix < 4; ++matrix) {
          for (std::size_t lane = 0; lane < 32; ++lane) {
            const auto at = RowAddress(operands, matrix, lane / 4) + static_cast<std::uint32_t>(lane % 4 * 4);
            const std::uint32_t value = static_cast<MatrixRows*>(operands[lane])->r[matrix];
            std::memcpy(self.cta->shared.At(at, 4), &value, 4);
            first[lane].unfenced.push_back({at, value});
          }
        }
      },
      where);
}

void MultiplyFragments(float (&d)[4], const std::uint32_t (&a)[4], std::uint32_t b0, std::uint32_t b1,
                       const std::source_location& where) {
  struct Fragments {
    float* d;
    const std::uint32_t* a;
    std::uint32_t b[2];
  } mine{d, a, {b0, b1}};
  Meet(
      "mma.sync", kAllLanes, &mine,
      [](std::array<void*, 32>& operands) {
        float a_rows[kRows][kMostK];
        float b_columns[8][16];
        for (std::size_t lane = 0; lane < 32; ++lane) {
          const auto& f = *static_cast<Fragments*>(operands[lane]);
          ReadFragment(f.a, lane, a_rows);
          for (std::size_t i = 0; i < 2; ++i) {  // column l / 4, steps 2 (l % 4) + {0, 1} and 8 more
            std::uint8_t bytes[4];
            std::memcpy(bytes, &f.b[i], 4);
            b_columns[lane / 4][lane % 4 * 2 + i * 8] = Bf16(bytes);
            b_columns[lane / 4][lane % 4 * 2 + i * 8 + 1] = Bf16(bytes + 2);
          }
        }
        for (std::size_t lane = 0; lane < 32; ++lane) {
          float* out = static_cast<Fragments*>(operands[lane])->d;
          for (std::size_t i = 0; i < 4; ++i) {
            const float* row = a_rows[lane / 4 + i / 2 * 8];
            const float* column = b_columns[lane % 4 * 2 + i % 2];
            for (std::size_t k = 0; k < 16; ++k) out[i] += row[k] * column[k];
          }
        }
      },
      where);
}

void FenceProxy() {
  Thread& t = Current();
  for (const SharedWrite& write : t.unfenced)
    std::memcpy(t.cta->shared.EngineAt(write.address, 4), &write.value, 4);
  t.unfenced.clear();
}

void CheckProductsAtEnd(Thread& t) {
  const auto& products = t.warp().products;
  if (products != nullptr && !products->empty()) Fail("the thread ended with products under way");
}

}  // namespace orrery::emulator
