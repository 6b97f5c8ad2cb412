// rms_norm_pkg: latencies inside rms_norm.
package rms_norm_pkg;
  import fp32_pkg::*;

  // Of rms_norm_factor: from a vector's last beat to its factor.
  function automatic int unsigned factor_latency(input int unsigned lanes, input int unsigned max_beats);
    return 2 * MulLatency + AddLatency + RsqrtLatency + fp32_reduce_pkg::latency(fp32_reduce_pkg::Sum, lanes, max_beats);
  endfunction

  // Of rms_norm_apply: from a beat issued to its result at the end of the pipeline.
  localparam int unsigned ApplyLatency = 1 + 2 * MulLatency;
endpackage
