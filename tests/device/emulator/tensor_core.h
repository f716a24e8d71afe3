// Matrix instructions of a warp, decoded as the PTX ISA writes them: wgmma (asynchronous; each warp of a
// warpgroup computes its own 16 rows), mma.sync, ldmatrix and stmatrix.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <source_location>
#include <vector>

namespace orrery::emulator {

struct Thread;

/// A wgmma.mma_async: 64 x n, K of 32 bytes. The operands of its 32 lanes come in one by one.
struct Product {
  int n = 0;
  bool fp8 = false;         ///< e4m3, else bf16
  bool mn_major_b = false;  ///< "transposed" B
  bool accumulate = false;
  bool a_in_registers = false;
  std::uint64_t a = 0, b = 0;  ///< descriptors
  std::array<const std::uint32_t*, 32> a_registers{};
  std::array<float*, 32> d{};
  std::array<std::vector<float>, 32> saved;  ///< accumulators taken away while the product is under way
  unsigned lanes = 0;
  std::uint64_t group = 0;
};

class ProductQueue {
 public:
  void Issue(const Product& instruction, float* d, const std::uint32_t* a);
  void Fence() { lanes_[Lane()].fenced = true; }
  void Commit() { ++lanes_[Lane()].group; }
  /// Until at most `pending` groups of the calling warp are under way. All its lanes meet.
  void Wait(int pending, const std::source_location& where);
  bool empty() const { return queue_.empty(); }

 private:
  struct LaneState {
    std::uint64_t issued = 0, group = 0;
    bool fenced = false;
  };
  static std::size_t Lane();
  Product& Find(std::uint64_t number, const Product& instruction);
  void TakeAccumulators(Product& product, std::size_t lane, std::size_t position);
  void RetireFirst();
  std::deque<Product> queue_;
  std::uint64_t retired_ = 0;
  std::array<LaneState, 32> lanes_;
};

/// Of the current thread's warp.
ProductQueue& Products();

void LoadMatrices(std::uint32_t address, std::uint32_t (&r)[4], bool transposed,
                  const std::source_location& where);
void StoreMatrices(std::uint32_t address, const std::uint32_t (&r)[4], const std::source_location& where);
void MultiplyFragments(float (&d)[4], const std::uint32_t (&a)[4], std::uint32_t b0, std::uint32_t b1,
                       const std::source_location& where);
/// Ordinary writes of the current thread become visible to the copy engine and the tensor cores.
void FenceProxy();

void CheckProductsAtEnd(Thread& thread);

}  // namespace orrery::emulator
