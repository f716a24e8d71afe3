#include "gui/session/selection.h"

namespace orrery::gui {
namespace {

template <class T>
void Take(std::optional<T>* base, const std::optional<T>& over) {
  if (over) *base = over;
}

}  // namespace

Selection Over(Selection base, const Selection& over) {
  for (const auto facet : {&Selection::layer, &Selection::expert, &Selection::slot, &Selection::ep_rank,
                           &Selection::pipeline_rank, &Selection::gpu, &Selection::node, &Selection::link,
                           &Selection::micro_batch, &Selection::training_step, &Selection::domain}) {
    Take(&(base.*facet), over.*facet);
  }
  Take(&base.span, over.span);
  Take(&base.time, over.time);
  Take(&base.op_class, over.op_class);
  Take(&base.kernel, over.kernel);
  return base;
}

GpuPlace PlaceOfGpu(const scenarios::Scenario& s, int gpu) {
  const int column = gpu % s.parallelism.data;
  return {gpu / s.parallelism.data, column / s.parallelism.expert, column % s.parallelism.expert,
          gpu / s.cluster.devices_per_node, gpu % s.cluster.devices_per_node};
}

int GpuAt(const scenarios::Scenario& s, int pipeline_rank, int group, int ep_rank) {
  return pipeline_rank * s.parallelism.data + group * s.parallelism.expert + ep_rank;
}

std::vector<int> GpusOf(const Selection& selection, const scenarios::Scenario& s) {
  std::vector<int> gpus;
  if (!selection.gpu && !selection.node && !selection.ep_rank && !selection.pipeline_rank) return gpus;
  const auto matches = [](const std::optional<int>& facet, int value) { return !facet || *facet == value; };
  for (int gpu = 0; gpu < s.Gpus(); ++gpu) {
    const GpuPlace place = PlaceOfGpu(s, gpu);
    if (matches(selection.gpu, gpu) && matches(selection.node, place.node) &&
        matches(selection.ep_rank, place.ep_rank) && matches(selection.pipeline_rank, place.pipeline_rank)) {
      gpus.push_back(gpu);
    }
  }
  return gpus;
}

Selection WithPlaceOfGpu(Selection selection, const scenarios::Scenario& s) {
  if (!selection.gpu) return selection;
  const GpuPlace place = PlaceOfGpu(s, *selection.gpu);
  selection.pipeline_rank = place.pipeline_rank;
  selection.ep_rank = place.ep_rank;
  selection.node = place.node;
  return selection;
}

}  // namespace orrery::gui
