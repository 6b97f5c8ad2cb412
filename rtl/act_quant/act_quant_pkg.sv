// act_quant_pkg: widths, latencies and the constants of every number of bits.
package act_quant_pkg;
  import fp32_pkg::*;

  localparam int unsigned QuantW = 12;  // bits of an integer; fewer are asked for at run time

  // Cycles from the largest magnitude of a vector to its two factors, and from a value and its factor to the integer.
  localparam int unsigned FactorLatency = ReciprocalLatency + MulLatency;
  localparam int unsigned ScaleLatency = MulLatency + ToIntLatency;

  // Cycles from a vector's last beat to its scale, and to its first integers.
  function automatic int unsigned scale_latency(input int unsigned lanes);
    return $clog2(lanes) + FactorLatency + 2;
  endfunction
  function automatic int unsigned latency(input int unsigned lanes);
    return scale_latency(lanes) + ScaleLatency + 3;
  endfunction

  // qmax = 2^(bits-1) - 1 as fp32, bits 8..12.
  function automatic logic [31:0] largest(input logic [3:0] bits);
    case (bits)
      4'd8: return 32'h42fe_0000;
      4'd9: return 32'h437f_0000;
      4'd10: return 32'h43ff_8000;
      4'd11: return 32'h447f_c000;
      default: return 32'h44ff_e000;
    endcase
  endfunction

  // fp32(1 / qmax)
  function automatic logic [31:0] step(input logic [3:0] bits);
    case (bits)
      4'd8: return 32'h3c01_0204;
      4'd9: return 32'h3b80_8081;
      4'd10: return 32'h3b00_4020;
      4'd11: return 32'h3a80_2008;
      default: return 32'h3a00_1002;
    endcase
  endfunction
endpackage
