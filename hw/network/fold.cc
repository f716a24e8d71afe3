#include "hw/network/fold.h"

#include <algorithm>
#include <bit>
#include <unordered_map>

#include "core/base/error.h"

namespace orrery::hw {
namespace {

std::size_t At(std::int32_t i) { return static_cast<std::size_t>(i); }

std::uint64_t Mix(std::uint64_t z) {
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
  return z ^ (z >> 31);
}

/// Dense colours in order of first appearance, so that nothing depends on the order of the map.
std::int32_t Recolour(const std::vector<std::uint64_t>& signatures, std::vector<std::int32_t>* colours) {
  std::unordered_map<std::uint64_t, std::int32_t> numbers;
  colours->resize(signatures.size());
  for (std::size_t i = 0; i < signatures.size(); ++i) {
    (*colours)[i] =
        numbers.try_emplace(signatures[i], static_cast<std::int32_t>(numbers.size())).first->second;
  }
  return static_cast<std::int32_t>(numbers.size());
}

struct Colouring {
  std::vector<std::int32_t> flow, link;
  std::int32_t flows = 0, links = 0;  ///< colours
};

Colouring InitialColours(const FlowNetwork& network, const std::vector<double>& sizes) {
  Colouring c;
  std::vector<std::uint64_t> bits;
  for (double size : sizes) bits.push_back(std::bit_cast<std::uint64_t>(size));
  c.flows = Recolour(bits, &c.flow);
  bits.clear();
  for (double capacity : network.capacity) bits.push_back(std::bit_cast<std::uint64_t>(capacity));
  c.links = Recolour(bits, &c.link);
  return c;
}

/// One round: a flow's new colour tells its old one and those of its links, a link's those of its flows. Sums of
/// mixed colours stand for multisets; Equitable() checks what they claim.
void Refine(const FlowNetwork& network, Colouring* c) {
  std::vector<std::uint64_t> flow(c->flow.size()), link(c->link.size());
  for (std::size_t l = 0; l < link.size(); ++l) link[l] = Mix(static_cast<std::uint64_t>(c->link[l]) + 1);
  for (std::size_t f = 0; f < flow.size(); ++f) {
    const std::uint64_t own = Mix(static_cast<std::uint64_t>(c->flow[f]) + 0x9e3779b97f4a7c15ULL);
    flow[f] = own;
    for (std::int32_t e = network.start[f]; e < network.start[f + 1]; ++e) {
      const std::size_t l = At(network.links[At(e)]);
      flow[f] += Mix(static_cast<std::uint64_t>(c->link[l]) + 0x2545f4914f6cdd1dULL);
      link[l] += own;
    }
    flow[f] = Mix(flow[f]);
  }
  c->flows = Recolour(flow, &c->flow);
  c->links = Recolour(link, &c->link);
}

std::vector<std::int32_t> FirstOfEach(const std::vector<std::int32_t>& colours, std::int32_t count) {
  std::vector<std::int32_t> first(At(count), -1);
  for (std::size_t i = 0; i < colours.size(); ++i) {
    if (first[At(colours[i])] < 0) first[At(colours[i])] = static_cast<std::int32_t>(i);
  }
  return first;
}

std::vector<std::int32_t> SortedLinkColours(const FlowNetwork& network, const Colouring& c,
                                            std::size_t flow) {
  std::vector<std::int32_t> row;
  for (std::int32_t e = network.start[flow]; e < network.start[flow + 1]; ++e) {
    row.push_back(c.link[At(network.links[At(e)])]);
  }
  std::sort(row.begin(), row.end());
  return row;
}

/// Colours of the flows on each link, sorted.
std::vector<std::vector<std::int32_t>> FlowColoursOfLinks(const FlowNetwork& network, const Colouring& c) {
  std::vector<std::vector<std::int32_t>> of_link(c.link.size());
  std::vector<std::vector<std::int32_t>> by_colour(At(c.flows));
  for (std::size_t f = 0; f < c.flow.size(); ++f)
    by_colour[At(c.flow[f])].push_back(static_cast<std::int32_t>(f));
  for (const std::vector<std::int32_t>& flows : by_colour) {  // in order of colour: rows come out sorted
    for (std::int32_t f : flows) {
      for (std::int32_t e = network.start[At(f)]; e < network.start[At(f) + 1]; ++e) {
        of_link[At(network.links[At(e)])].push_back(c.flow[At(f)]);
      }
    }
  }
  return of_link;
}

/// Whether all members of every class see the same colours as the class's first.
bool Equitable(const FlowNetwork& network, const Colouring& c, const std::vector<std::int32_t>& first_flow,
               const std::vector<std::int32_t>& first_link,
               const std::vector<std::vector<std::int32_t>>& flow_colours) {
  std::vector<std::vector<std::int32_t>> expected;
  for (std::int32_t f : first_flow) expected.push_back(SortedLinkColours(network, c, At(f)));
  for (std::size_t f = 0; f < c.flow.size(); ++f) {
    if (SortedLinkColours(network, c, f) != expected[At(c.flow[f])]) return false;
  }
  for (std::size_t l = 0; l < c.link.size(); ++l) {
    const std::int32_t first = first_link[At(c.link[l])];
    if (network.capacity[l] != network.capacity[At(first)] || flow_colours[l] != flow_colours[At(first)])
      return false;
  }
  return true;
}

FlowNetwork ClassNetwork(const FlowNetwork& network, const Colouring& c,
                         const std::vector<std::int32_t>& first_flow,
                         const std::vector<std::int32_t>& first_link,
                         const std::vector<std::vector<std::int32_t>>& flow_colours) {
  FlowNetwork folded;
  for (std::int32_t l : first_link) folded.capacity.push_back(network.capacity[At(l)]);
  for (std::int32_t f : first_flow) {
    std::vector<std::int32_t> row = SortedLinkColours(network, c, At(f));
    row.erase(std::unique(row.begin(), row.end()), row.end());
    for (std::int32_t link : row) {
      const std::vector<std::int32_t>& on_link = flow_colours[At(first_link[At(link)])];
      const auto range = std::equal_range(on_link.begin(), on_link.end(), c.flow[At(f)]);
      folded.links.push_back(link);
      folded.times.push_back(static_cast<std::int32_t>(range.second - range.first));
    }
    folded.EndFlow();
  }
  return folded;
}

}  // namespace

std::optional<FoldedNetwork> Fold(const FlowNetwork& network, const std::vector<double>& sizes) {
  ORRERY_CHECK(sizes.size() == At(network.flows()), "one size a flow");
  if (!network.times.empty()) return std::nullopt;
  Colouring c = InitialColours(network, sizes);
  while (true) {
    if (c.flows > network.flows() / 2) return std::nullopt;
    const std::int32_t before = c.flows + c.links;
    Refine(network, &c);
    if (c.flows + c.links == before) break;
  }
  const std::vector<std::int32_t> first_flow = FirstOfEach(c.flow, c.flows),
                                  first_link = FirstOfEach(c.link, c.links);
  const std::vector<std::vector<std::int32_t>> flow_colours = FlowColoursOfLinks(network, c);
  if (!Equitable(network, c, first_flow, first_link, flow_colours)) return std::nullopt;
  return FoldedNetwork{ClassNetwork(network, c, first_flow, first_link, flow_colours), c.flow, c.link,
                       first_flow};
}

}  // namespace orrery::hw
