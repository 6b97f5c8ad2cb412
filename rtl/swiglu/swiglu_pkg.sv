// swiglu_pkg: latency of a lane.
package swiglu_pkg;
  localparam int unsigned Latency = fp32_pkg::SigmoidLatency + 2 * fp32_pkg::MulLatency;
endpackage
