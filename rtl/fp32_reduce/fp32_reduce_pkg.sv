// fp32_reduce_pkg: what a reduction can be, and how long it takes.
package fp32_reduce_pkg;
  // An integer parameter of the modules, so any command line can set it.
  typedef enum int unsigned {
    Sum = 0,
    Max = 1
  } op_e;
  localparam int unsigned Ops = 2;

  function automatic int unsigned node_latency(input int unsigned op);
    return (op == Sum) ? fp32_pkg::AddLatency : fp32_pkg::CompareLatency;
  endfunction

  // Of fp32_reduce_pipe: cycles from a vector's last beat to its result.
  function automatic int unsigned latency(input int unsigned op, input int unsigned lanes, input int unsigned max_beats);
    return ($clog2(lanes) + $clog2(max_beats)) * node_latency(op);
  endfunction
endpackage
