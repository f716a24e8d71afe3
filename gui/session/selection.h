// What is pointed at: one selection that every page shows as far as it knows its facets.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/engine/timeline.h"
#include "scenarios/schema/scenario.h"

namespace orrery::gui {

struct TimeRange {
  double from_s = 0, to_s = 0;
  bool operator==(const TimeRange&) const = default;
};

/// Facets; an absent one is not selected. Numbers count from 0.
struct Selection {
  std::optional<int> layer;         ///< MoE layer, an MTP module's last
  std::optional<int> expert, slot;  ///< of the layer
  std::optional<int> ep_rank;       ///< place in an exchange group
  std::optional<int> pipeline_rank;
  std::optional<int> gpu, node;  ///< of the cluster
  std::optional<int> link;       ///< FabricEdge::number
  std::optional<SpanRef> span;   ///< of the timeline
  std::optional<TimeRange> time;
  std::optional<int> micro_batch, training_step, domain;
  std::optional<std::string> op_class;  ///< OpClassReport::name
  std::optional<std::string> kernel;    ///< BlockKernel::text
  bool operator==(const Selection&) const = default;
  bool Empty() const { return *this == Selection{}; }
};

/// `base` with the facets that `over` has.
Selection Over(Selection base, const Selection& over);

/// Where a GPU stands in a plan.
struct GpuPlace {
  int pipeline_rank = 0, group = 0, ep_rank = 0;  ///< `group`: of its pipeline rank's exchange groups
  int node = 0, device = 0;                       ///< `device`: of the node
  bool operator==(const GpuPlace&) const = default;
};
GpuPlace PlaceOfGpu(const scenarios::Scenario& scenario, int gpu);
int GpuAt(const scenarios::Scenario& scenario, int pipeline_rank, int group, int ep_rank);

/// The GPUs that the facets gpu, node, EP rank and pipeline rank name together, ascending; empty where none of
/// these facets is there.
std::vector<int> GpusOf(const Selection& selection, const scenarios::Scenario& scenario);
/// With the pipeline rank, EP rank and node of its GPU.
Selection WithPlaceOfGpu(Selection selection, const scenarios::Scenario& scenario);

}  // namespace orrery::gui
