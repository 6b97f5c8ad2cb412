// lut2d_drain: shift and wide accumulation of one token's drained sums.
//
//   p[d]   <- value[d] << exp_i                             wide_q <- wide[raddr_i]
//   acc[d] <- p[d] + (first_i ? start_i[d] : wide_q[d])      without Start: 0
//   wide[waddr_i] <- acc, and acc_o shows it
//
// Formats:    value NarrowW, accumulators AccW, start the low AccW bits of a 32-bit number; two's complement.
// Layout:     wide memory (block RAM, synchronous read): word slot*(Units/DrainW)+sel, value d at [d*AccW +: AccW].
// Latency:    2 enabled cycles from value_i to acc_o.
// Shift:      with UseDsp the shift is a product with a power of two, one DSP block a value; else a barrel shifter of
//             about 26 more LUTs a value.
// Overflow:   the sum is asserted to fit AccW, unless SumPromised; lut2d's header has the bound.
//
// Parameters: see lut2d; Depth is Slots*Units/DrainW.
module lut2d_drain #(
    parameter int unsigned Depth = 256,
    parameter int unsigned NarrowW = 14,
    parameter int unsigned AccW = 28,
    parameter int unsigned DrainW = 2,
    parameter bit UseDsp = 1'b1,
    parameter bit Start = 1'b1,
    parameter bit SumPromised = 1'b0,
    localparam int unsigned AddrW = (Depth > 1) ? $clog2(Depth) : 1
) (
    input  logic                      clk_i,
    input  logic                      rst_ni,
    input  logic                      en_i,
    input  logic [DrainW*NarrowW-1:0] value_i,
    input  logic [               2:0] exp_i,
    input  logic [         AddrW-1:0] raddr_i,
    input  logic                      first_i,
    input  logic                      sum_valid_i,
    input  logic [     DrainW*32-1:0] start_i,
    input  logic                      we_i,
    input  logic [         AddrW-1:0] waddr_i,
    output logic [   DrainW*AccW-1:0] acc_o
);
  localparam int unsigned ShiftW = NarrowW + 7;

  (* ram_style = "block" *) logic [DrainW*AccW-1:0] wide[Depth];
  logic [DrainW*ShiftW-1:0] p_q;
  logic [DrainW*AccW-1:0] wide_q, base, acc_d;

  always_comb begin
    for (int unsigned d = 0; d < DrainW; d++) begin
      base[d*AccW+:AccW] = first_i ? (Start ? start_i[d*32+:AccW] : '0) : wide_q[d*AccW+:AccW];
      acc_d[d*AccW+:AccW] = AccW'($signed(p_q[d*ShiftW+:ShiftW])) + base[d*AccW+:AccW];
    end
  end

  if (UseDsp) begin : gen_dsp
    logic [7:0] factor;
    assign factor = 8'd1 << exp_i;
    always_ff @(posedge clk_i) begin
      for (int unsigned d = 0; d < DrainW; d++) begin
        if (en_i) p_q[d*ShiftW+:ShiftW] <=
              ShiftW'($signed(value_i[d*NarrowW+:NarrowW]) * $signed({1'b0, factor}));
      end
    end
  end else begin : gen_shifter
    always_ff @(posedge clk_i) begin
      for (int unsigned d = 0; d < DrainW; d++) begin
        if (en_i) p_q[d*ShiftW+:ShiftW] <= ShiftW'($signed(value_i[d*NarrowW+:NarrowW])) << exp_i;
      end
    end
  end

  always_ff @(posedge clk_i) begin
    if (we_i) wide[waddr_i] <= acc_o;
    if (en_i) begin
      wide_q <= wide[raddr_i];
      acc_o  <= acc_d;
    end
  end

`ifndef SYNTHESIS
  for (genvar d = 0; d < DrainW; d++) begin : gen_check
    if (!SumPromised) begin : gen_wide
      wire p_sign = p_q[d*ShiftW+ShiftW-1];
      wire b_sign = base[d*AccW+AccW-1];
      a_wide_fits :
      assert property (@(posedge clk_i) disable iff (!rst_ni)
          sum_valid_i && en_i && p_sign == b_sign |-> acc_d[d*AccW+AccW-1] == p_sign);
    end
    a_start_fits :
    assert property (@(posedge clk_i) disable iff (!rst_ni)
        Start && sum_valid_i && en_i && first_i |-> start_i[d*32+:32] == 32'($signed(start_i[d*32+:AccW])));
  end
`endif
endmodule
