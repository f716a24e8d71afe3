#include "models/routing/sampling/exchange.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include <fmt/format.h>

#include "core/base/error.h"
#include "core/base/random.h"
#include "models/routing/gate/gate.h"

namespace orrery::models {

void CheckShape(const LoadShape& s) { CheckSlots(s, s.experts); }

void CheckSlots(const LoadShape& s, int experts) {
  CheckGate({experts, s.top_k, s.groups, s.top_groups});
  if (s.ranks < 1 || s.experts % s.ranks != 0) {
    throw InputError(
        fmt::format("routing: {} expert-parallel ranks do not divide {} expert slots", s.ranks, s.experts));
  }
  constexpr int kMaxRanks = 4096;  // what a token's marks of ranks reached hold (load_table.cc)
  if (s.ranks > kMaxRanks) {
    throw InputError(
        fmt::format("routing: {} expert-parallel ranks, expected at most {}", s.ranks, kMaxRanks));
  }
  if (s.ranks_per_node < 1 || (s.ranks > s.ranks_per_node && s.ranks % s.ranks_per_node != 0)) {
    throw InputError(fmt::format("routing: {} ranks are not whole nodes of {}", s.ranks, s.ranks_per_node));
  }
  if (s.tokens_per_rank < 0 || s.Tokens() * s.top_k > INT32_MAX) {
    throw InputError(fmt::format("routing: {} tokens a rank on {} ranks, expected 0 to 2^31 rows in all",
                                 s.tokens_per_rank, s.ranks));
  }
}

int NodeSize(const LoadShape& s) { return std::min(s.ranks, s.ranks_per_node); }
int NodeCount(const LoadShape& s) { return s.ranks / NodeSize(s); }

std::int64_t SlotCapacity(const LoadShape& s) {
  LoadShape one = s;
  one.device_capacity = false;
  return SharedCapacity(one);
}

int SlotsPerCapacity(const LoadShape& s) { return s.device_capacity ? s.experts / s.ranks : 1; }

std::int64_t SharedCapacity(const LoadShape& s) {
  if (s.capacity_factor <= 0) return INT32_MAX;
  const double even = static_cast<double>(s.Tokens()) * s.top_k * SlotsPerCapacity(s) / s.experts;
  return static_cast<std::int64_t>(std::min(std::ceil(even * s.capacity_factor), double{INT32_MAX}));
}

std::vector<bool> KeptRows(const LoadShape& shape, std::span<const SelectedRow> rows, std::uint64_t seed) {
  const auto per = static_cast<std::size_t>(SlotsPerCapacity(shape));
  std::vector<std::vector<std::size_t>> asked(static_cast<std::size_t>(shape.experts) / per);
  for (std::size_t i = 0; i < rows.size(); ++i) asked[rows[i].slot / per].push_back(i);
  std::vector<bool> kept(rows.size(), true);
  RandomStream random(seed, "dropped rows");
  std::vector<std::uint64_t> lot(shape.drop == DropOrder::kRandom ? rows.size() : 0);
  for (std::uint64_t& l : lot) l = random();
  const auto first = [&](std::size_t a, std::size_t b) {
    if (rows[a].kept != rows[b].kept) return rows[a].kept;
    if (shape.drop == DropOrder::kRandom) return lot[a] < lot[b];
    return shape.drop == DropOrder::kLowestAffinity && rows[a].affinity > rows[b].affinity;
  };
  const auto capacity = static_cast<std::size_t>(SharedCapacity(shape));
  for (auto& unit : asked) {
    if (unit.size() <= capacity) continue;
    std::stable_sort(unit.begin(), unit.end(), first);
    for (std::size_t i = capacity; i < unit.size(); ++i) kept[unit[i]] = rows[unit[i]].kept;
  }
  return kept;
}

void ClearLoad(const LoadShape& shape, ExchangeLoad* load) {
  load->dropped_rows = 0, load->dropped_weight = 0;
  load->expert_rows.assign(static_cast<std::size_t>(shape.experts), 0);
  for (auto* v : {&load->unique_rows, &load->scale_out_sent, &load->scale_out_received, &load->scale_up_sent,
                  &load->scale_up_received}) {
    v->assign(static_cast<std::size_t>(shape.ranks), 0);
  }
}

ExchangeCounter::ExchangeCounter(const LoadShape& shape, ExchangeLoad* load)
    : shape_(shape),
      load_(load),
      node_size_(NodeSize(shape)),
      capacity_(SlotCapacity(shape)),
      rank_seen_(static_cast<std::size_t>(shape.ranks)),
      node_seen_(static_cast<std::size_t>(NodeCount(shape))) {
  ClearLoad(shape, load);
}

void ExchangeCounter::Add(int source, std::span<const std::uint16_t> slots) {
  ++token_;
  last_nodes_ = 0;
  const int per_rank = shape_.experts / shape_.ranks, own_node = source / node_size_,
            lane = source % node_size_;
  for (std::uint16_t slot : slots) {
    if (load_->expert_rows[slot] >= capacity_) {
      ++load_->dropped_rows;
      continue;
    }
    ++load_->expert_rows[slot];
    const int rank = slot / per_rank, node = rank / node_size_, gateway = node * node_size_ + lane;
    if (std::exchange(node_seen_[static_cast<std::size_t>(node)], token_) != token_) {
      ++last_nodes_;
      load_->scale_out_sent[static_cast<std::size_t>(source)] += node != own_node;
      load_->scale_out_received[static_cast<std::size_t>(gateway)] += node != own_node;
    }
    if (std::exchange(rank_seen_[static_cast<std::size_t>(rank)], token_) != token_) {
      ++load_->unique_rows[static_cast<std::size_t>(rank)];
      load_->scale_up_sent[static_cast<std::size_t>(gateway)] += rank != gateway;
      load_->scale_up_received[static_cast<std::size_t>(rank)] += rank != gateway;
    }
  }
}

namespace {

LoadShape Unlimited(LoadShape shape) {
  shape.capacity_factor = 0;
  return shape;
}

}  // namespace

RowCounter::RowCounter(const LoadShape& shape, std::uint64_t seed, ExchangeLoad* load)
    : shape_(shape), seed_(seed), load_(load), counter_(Unlimited(shape), load) {}

void RowCounter::Add(const TextDocument& document, std::span<const std::uint16_t> slots,
                     std::span<const float> gates) {
  if (shape_.capacity_factor <= 0) return counter_.Add(document.rank, slots);
  const auto token = static_cast<std::uint32_t>(source_.size());
  float sum = 0;
  for (const float g : gates) sum += g;
  source_.push_back(document.rank);
  for (std::size_t i = 0; i < slots.size(); ++i) {
    const float affinity = i < gates.size() ? gates[i] : 0.0f;
    rows_.push_back({token, slots[i], document.kept, affinity, sum > 0 ? affinity / sum : 0.0f});
  }
}

void RowCounter::Finish() {
  if (shape_.capacity_factor <= 0) return;
  const std::vector<bool> kept = KeptRows(shape_, rows_, seed_);
  std::vector<std::uint16_t> slots;
  double lost = 0;
  std::size_t i = 0;
  for (std::uint32_t token = 0; token < source_.size(); ++token) {
    slots.clear();
    for (; i < rows_.size() && rows_[i].token == token; ++i) {
      if (kept[i]) {
        slots.push_back(rows_[i].slot);
      } else {
        ++load_->dropped_rows;
        lost += double{rows_[i].gate};
      }
    }
    counter_.Add(source_[token], slots);
  }
  load_->dropped_weight = source_.empty() ? 0 : lost / static_cast<double>(source_.size());
}

}  // namespace orrery::models
