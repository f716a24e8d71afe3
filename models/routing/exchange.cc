#include "models/routing/exchange.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include <fmt/format.h>

#include "core/error.h"
#include "models/routing/gate.h"

namespace orrery::models {

void CheckShape(const LoadShape& s) { CheckSlots(s, s.experts); }

void CheckSlots(const LoadShape& s, int experts) {
  CheckGate({experts, s.top_k, s.groups, s.top_groups});
  if (s.ranks < 1 || s.experts % s.ranks != 0) {
    throw InputError(
        fmt::format("routing: {} expert-parallel ranks do not divide {} expert slots", s.ranks, s.experts));
  }
  if (s.ranks_per_node < 1 || (s.ranks > s.ranks_per_node && s.ranks % s.ranks_per_node != 0)) {
    throw InputError(fmt::format("routing: {} ranks are not whole nodes of {}", s.ranks, s.ranks_per_node));
  }
  if (s.tokens_per_rank < 0 || std::int64_t{s.tokens_per_rank} * s.ranks * s.top_k > INT32_MAX) {
    throw InputError(fmt::format("routing: {} tokens a rank on {} ranks, expected 0 to 2^31 rows in all",
                                 s.tokens_per_rank, s.ranks));
  }
}

int NodeSize(const LoadShape& s) { return std::min(s.ranks, s.ranks_per_node); }
int NodeCount(const LoadShape& s) { return s.ranks / NodeSize(s); }

std::int64_t SlotCapacity(const LoadShape& s) {
  if (s.capacity_factor <= 0) return INT32_MAX;
  const double even = static_cast<double>(s.tokens_per_rank) * s.ranks * s.top_k / s.experts;
  return static_cast<std::int64_t>(std::min(std::ceil(even * s.capacity_factor), double{INT32_MAX}));
}

void ClearLoad(const LoadShape& shape, ExchangeLoad* load) {
  load->dropped_rows = 0;
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

}  // namespace orrery::models
