// attention_base: where a layer's cache begins on a port: base + offset, both in beats, in two halves.
//
// Latency:       2 cycles. Throughput: one sum a cycle.
// Back-pressure: none.
//
// Parameters:
//   AddrW  address bits
module attention_base #(
    parameter int unsigned AddrW = 64
) (
    input  logic             clk_i,
    input  logic [AddrW-6:0] base_i,
    input  logic [AddrW-6:0] offset_i,
    output logic [AddrW-6:0] line_o
);
  localparam int unsigned LowW = (AddrW - 5) / 2;
  localparam int unsigned HighW = AddrW - 5 - LowW;

  logic [LowW:0] low_q;
  logic [HighW-1:0] base_high_q, offset_high_q;
  always_ff @(posedge clk_i) begin
    low_q         <= {1'b0, base_i[LowW-1:0]} + {1'b0, offset_i[LowW-1:0]};
    base_high_q   <= base_i[AddrW-6:LowW];
    offset_high_q <= offset_i[AddrW-6:LowW];
    line_o        <= {base_high_q + offset_high_q + HighW'(low_q[LowW]), low_q[LowW-1:0]};
  end
endmodule
