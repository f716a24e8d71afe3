// Two-resource calibration of the normal exchange kernels: the scale-out and the scale-up leg of an exchange
// run at once, in chunks that flow through both, so a leg is hidden behind the longer one but for a part that
// grows as they near each other:
//
//   t = ((out / r_out)^4 + (up / r_up)^4)^(1/4)
//
// The two rates are fitted by least squares of log t to the table's rows, and never above the ports' nominal
// rates. The power 4 is the smooth maximum that needs but two square roots; with the plain maximum the rows of
// April 2025 are off by up to 10 %, with it by less than 6 % (HARDWARE notes 2.4; tested).
#pragma once

#include <string>
#include <vector>

#include "hw/comm/deepep_table.h"

namespace orrery::hw {

/// One measured exchange: bytes through the busier direction of a rank's ports, and its time.
struct ExchangeSample {
  std::string id;
  ExchangeKind kind{};
  int ranks = 0;
  double scale_out_bytes = 0;
  double scale_up_bytes = 0;
  double seconds = 0;
};

struct ExchangeRates {
  double scale_out = 0;  ///< B/s
  double scale_up = 0;   ///< B/s
  double rms_error = 0;  ///< of log t over the samples fitted
  double max_error = 0;
  bool scale_out_bound = false;  ///< the fit met the port's nominal rate
  bool scale_up_bound = false;
};

/// Bytes through a rank's ports for an exchange of mean fan-out: (nodes - own share) over scale-out,
/// (GPUs - own share) over scale-up, where a choice is equally likely to be any node and any GPU.
ExchangeSample MeanExchange(ExchangeKind kind, const PairBytes& pair, const FanOut& fan_out, int tokens);

/// The samples of a table's normal kernels, dispatch and combine of each row.
std::vector<ExchangeSample> NormalSamples(const DeepEpTable& table);

double TwoResourceSeconds(const ExchangeRates& rates, double scale_out_bytes, double scale_up_bytes);

/// Root mean square of ln(measured / predicted) over the samples, each predicted without its own row
/// (dispatch and combine of one id). 0 if there is but one row.
double LeaveOneRowOutError(const std::vector<ExchangeSample>& samples, BytesPerSecond scale_out_nominal,
                           BytesPerSecond scale_up_nominal);

/// Aborts with fewer than two samples.
ExchangeRates FitExchangeRates(const std::vector<ExchangeSample>& samples, BytesPerSecond scale_out_nominal,
                               BytesPerSecond scale_up_nominal);

}  // namespace orrery::hw
