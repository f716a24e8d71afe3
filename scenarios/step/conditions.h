// What is changed in a simulation against the model as it is, as plain data: what-ifs, folding, another seed.
#pragma once

#include <cstdint>
#include <optional>

namespace orrery::scenarios {

/// Factors multiply times: 1 leaves them, 0 makes them free.
struct Conditions {
  double exchanges = 1;      ///< dispatch and combine, with what runs on their stream before the payload
  double messages = 1;       ///< between pipeline neighbours
  double transfers = 1;      ///< whatever crosses a link: payload of exchanges, messages, collectives
  double casts = 1;          ///< casts, transposes and requantisation; at 0 they are not launched at all
  double launch_gaps = 1;    ///< between kernels
  double ends = 1;           ///< embedding, heads and MTP modules
  bool even_loads = false;   ///< every rank gets the same rows
  double dropped_share = 0;  ///< of the rows of even loads: not computed
  bool vary = true;          ///< kernels vary from run to run
  bool lend_sms = true;      ///< exchanges take SMs from compute, and disturb it
  bool recompute = true;     ///< what the plan recomputes to save memory
  bool fold = false;         ///< one GPU a pipeline rank, at even loads, without variation
  int groups = 0;            ///< exchange groups a pipeline rank; 0: all of them
  std::optional<std::uint64_t> seed = std::nullopt;  ///< of loads and variation; else the scenario's

  bool operator==(const Conditions&) const = default;
  bool EvenLoads() const { return even_loads || fold; }
  bool Varies() const { return vary && !fold; }
};

}  // namespace orrery::scenarios
