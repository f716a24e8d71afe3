#include "tests/device/emulator/copy_engine.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "tests/device/emulator/global_memory.h"
#include "tests/device/emulator/machine.h"

namespace orrery::emulator {
namespace {

constexpr std::uint64_t kMark = 0x70616D20656C6974;
constexpr cuuint32_t kMostBox = 256;
constexpr std::uint32_t kTileAlignment = 128;  // PTX ISA, cp.async.bulk.tensor: shared memory address

struct Map {
  std::uint64_t mark;
  std::uint8_t* base;
  std::uint64_t columns, rows, row_bytes;
  std::uint32_t box_columns, box_rows, element_bytes;
  bool swizzle;
  std::uint32_t BoxRowBytes() const { return box_columns * element_bytes; }
  std::uint32_t BoxBytes() const { return BoxRowBytes() * box_rows; }
};
static_assert(sizeof(Map) <= sizeof(CUtensorMap));

Map MapOf(const CUtensorMap* encoded) {
  Map map;
  std::memcpy(&map, encoded, sizeof(map));
  if (map.mark != kMark) Fail("not a tensor map");
  return map;
}

std::uint32_t BytesOf(CUtensorMapDataType type) {
  switch (type) {
    case CU_TENSOR_MAP_DATA_TYPE_UINT8:
      return 1;
    case CU_TENSOR_MAP_DATA_TYPE_BFLOAT16:
      return 2;
    case CU_TENSOR_MAP_DATA_TYPE_FLOAT32:
      return 4;
    default:
      return 0;
  }
}

bool Encodable(const Map& map) {
  const std::uint64_t most = std::uint64_t{1} << 32;
  const bool aligned = reinterpret_cast<std::uintptr_t>(map.base) % 16 == 0 && map.row_bytes % 16 == 0 &&
                       map.BoxRowBytes() % 16 == 0;
  const bool sized = map.columns > 0 && map.columns <= most && map.rows > 0 && map.rows <= most &&
                     map.row_bytes < (std::uint64_t{1} << 40) && map.box_columns > 0 &&
                     map.box_columns <= kMostBox && map.box_rows > 0 && map.box_rows <= kMostBox;
  return aligned && sized && (!map.swizzle || map.BoxRowBytes() <= 128) && map.element_bytes > 0 &&
         IsAllocated(map.base, (map.rows - 1) * map.row_bytes + map.columns * map.element_bytes);
}

// Calls visit(address in shared memory, address in global memory or null, bytes) for every 16 bytes of a box.
template <typename Visit>
void ForEachChunk(const Map& map, std::uint32_t tile, int x, int y, Visit visit) {
  const std::uint32_t elements = 16 / map.element_bytes;
  for (std::uint32_t r = 0; r < map.box_rows; ++r) {
    for (std::uint32_t c = 0; c < map.box_columns; c += elements) {
      std::uint32_t address = tile + r * map.BoxRowBytes() + c * map.element_bytes;
      if (map.swizzle) address = Swizzled128(address);
      const std::int64_t row = std::int64_t{y} + r;
      const std::int64_t column = std::int64_t{x} + c;
      const bool inside = row >= 0 && column >= 0 && row < static_cast<std::int64_t>(map.rows);
      const std::int64_t left = static_cast<std::int64_t>(map.columns) - column;
      const auto count = inside && left > 0 ? std::min<std::int64_t>(left, elements) : 0;
      std::uint8_t* global = count > 0 ? map.base + static_cast<std::uint64_t>(row) * map.row_bytes +
                                             static_cast<std::uint64_t>(column) * map.element_bytes
                                       : nullptr;
      visit(address, global, static_cast<std::size_t>(count) * map.element_bytes);
    }
  }
}

// At once, or when it suits the timing.
void DoOrPostpone(std::function<void()> work) {
  if (settings().timing == Timing::kEager) {
    work();
  } else {
    Postpone(std::move(work));
  }
}

void Read(BoxStore& store, SharedMemory& shared) {
  const Map map = MapOf(&store.map);
  ForEachChunk(map, store.source, store.x, store.y, [&](std::uint32_t address, std::uint8_t*, std::size_t) {
    const std::uint8_t* chunk = shared.EngineAt(address, 16);
    store.data.insert(store.data.end(), chunk, chunk + 16);
  });
}

/// Once: a store done eagerly must not come again, over what others wrote since.
void Write(BoxStore& store) {
  if (std::exchange(store.written, true)) return;
  const std::uint8_t* chunk = store.data.data();
  ForEachChunk(MapOf(&store.map), store.source, store.x, store.y,
               [&](std::uint32_t, std::uint8_t* global, std::size_t bytes) {
                 if (global != nullptr) std::memcpy(global, chunk, bytes);
                 chunk += 16;
               });
}

StoreGroups& Stores() {
  Thread& t = Current();
  if (t.stores == nullptr) t.stores = std::make_unique<StoreGroups>();
  return *t.stores;
}

CopyGroups& Copies() {
  Thread& t = Current();
  if (t.copies == nullptr) t.copies = std::make_unique<CopyGroups>();
  return *t.copies;
}

void Perform(const PendingCopy& copy, const SharedMemory& shared) {
  std::memcpy(shared.At(copy.target, 16), copy.source, 16);
}

}  // namespace

CUresult EncodeTiled(CUtensorMap* encoded, CUtensorMapDataType type, cuuint32_t rank, void* base,
                     const cuuint64_t* sizes, const cuuint64_t* strides, const cuuint32_t* box,
                     const cuuint32_t* steps, CUtensorMapInterleave interleave, CUtensorMapSwizzle swizzle,
                     CUtensorMapL2promotion, CUtensorMapFloatOOBfill) {
  if (rank != 2 || interleave != CU_TENSOR_MAP_INTERLEAVE_NONE || steps[0] != 1 || steps[1] != 1)
    return CUDA_ERROR_INVALID_VALUE;
  if (swizzle != CU_TENSOR_MAP_SWIZZLE_NONE && swizzle != CU_TENSOR_MAP_SWIZZLE_128B)
    return CUDA_ERROR_INVALID_VALUE;
  const Map map{
      kMark,         static_cast<std::uint8_t*>(base),     sizes[0], sizes[1], strides[0], box[0], box[1],
      BytesOf(type), swizzle == CU_TENSOR_MAP_SWIZZLE_128B};
  if (!Encodable(map)) return CUDA_ERROR_INVALID_VALUE;
  std::memcpy(encoded, &map, sizeof(map));
  return CUDA_SUCCESS;
}

void LoadBox(std::uint32_t target, const CUtensorMap* encoded, std::uint32_t barrier, int x, int y,
             unsigned mask) {
  const Map map = MapOf(encoded);
  if (target % kTileAlignment != 0) Fail("a TMA tile must be aligned to 128 bytes");
  Cluster& cluster = *Current().cta->cluster;
  if (mask == 0 || mask >> cluster.ctas.size() != 0) Fail("multicast to CTAs the cluster does not have");
  for (const auto& cta : cluster.ctas) {
    if ((mask >> cta->rank & 1u) == 0) continue;
    DoOrPostpone([map, target, barrier, x, y, &cta = *cta, &shared = cta->shared] {
      if (cta.live == 0) Fail("a multicast into a CTA that has left");
      ForEachChunk(map, target, x, y,
                   [&](std::uint32_t address, const std::uint8_t* global, std::size_t bytes) {
                     std::uint8_t chunk[16] = {};  // zero outside the tensor
                     if (global != nullptr) std::memcpy(chunk, global, bytes);
                     shared.EngineWrite(address, chunk, 16);
                   });
      shared.ExpectBytes(barrier, -static_cast<std::int64_t>(map.BoxBytes()));
    });
  }
}

void LoadBytes(std::uint32_t target, const void* source, std::uint32_t barrier, std::uint32_t bytes) {
  if (bytes % 16 != 0 || target % 16 != 0 || reinterpret_cast<std::uintptr_t>(source) % 16 != 0)
    Fail("a bulk copy moves multiples of 16 bytes between aligned addresses");
  if (!IsAllocated(source, bytes)) Fail("a bulk copy reads outside what is allocated");
  DoOrPostpone([=, &shared = Current().cta->shared] {
    shared.EngineWrite(target, source, bytes);
    shared.ExpectBytes(barrier, -static_cast<std::int64_t>(bytes));
  });
}

void StoreBox(const CUtensorMap* map, std::uint32_t source, int x, int y) {
  if (source % kTileAlignment != 0) Fail("a TMA tile must be aligned to 128 bytes");
  BoxStore store{*map, source, x, y, {}, false};
  if (settings().timing == Timing::kEager) {
    Read(store, Current().cta->shared);
    Write(store);
  }
  Stores().open.push_back(std::move(store));
}

void CommitStores() {
  StoreGroups& stores = Stores();
  for (BoxStore& store : stores.open) stores.committed.push_back(std::move(store));
  stores.open.clear();
}

void WaitForStores(bool written) {
  StoreGroups& stores = Stores();
  for (BoxStore& store : stores.committed) {
    if (store.data.empty()) Read(store, Current().cta->shared);
    if (written) Write(store);
  }
  if (written) stores.committed.clear();
}

void CopyAsync16(std::uint32_t target, const void* source) {
  if (target % 16 != 0 || reinterpret_cast<std::uintptr_t>(source) % 16 != 0)
    Fail("cp.async of 16 bytes between addresses not aligned to 16");
  if (!IsAllocated(source, 16)) Fail("cp.async reads outside what is allocated");
  const PendingCopy copy{target, source};
  if (settings().timing == Timing::kEager) Perform(copy, Current().cta->shared);
  Copies().open.push_back(copy);
}

void CommitCopies() {
  CopyGroups& copies = Copies();
  copies.committed.push_back(std::exchange(copies.open, {}));
}

void WaitForCopies(int pending) {
  CopyGroups& copies = Copies();
  while (static_cast<int>(copies.committed.size()) > pending) {
    if (settings().timing != Timing::kEager) {
      for (const PendingCopy& copy : copies.committed.front()) Perform(copy, Current().cta->shared);
    }
    copies.committed.pop_front();
  }
}

void CheckCopiesAtEnd(Thread& t) {
  if (t.stores != nullptr) {
    if (!t.stores->open.empty()) Fail("the thread ended with bulk stores it never committed");
    for (BoxStore& store : t.stores->committed) {
      if (store.data.empty()) Fail("the thread ended before its bulk stores had read shared memory");
      Write(store);
    }
  }
  if (t.copies == nullptr) return;
  bool left = !t.copies->open.empty();
  for (const auto& group : t.copies->committed) left = left || !group.empty();
  if (left) Fail("the thread ended with copies into shared memory under way");
}

}  // namespace orrery::emulator
