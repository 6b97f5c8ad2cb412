// row_synth_entry: the entries of one token's lane.
//
//   entry_o = sat(rne((a0*w0 + a1*w1) / 2^shift))
//
// Rounding: half of 2^shift is added with the products (so rounding is up from the middle); where the bits shifted out are then
//           all zero it was a tie, and clearing the last bit makes the result even.
// Steps:    1 activations (centroids come from a register)   2 a0*w0   3 + half; a1*w1   4 sum   5 shift by 0, 4, 8, 12
//           6 shift by 0..3, ties   7 saturate. Steps 1 to 4 are two DSP blocks, one above the other. MaxShift = 0: no 5 and 6.
//
// Latency:       7 cycles, 5 with MaxShift = 0, counted from the edge that gives the centroids to entry_o.
// Throughput:    one entry a cycle. Back-pressure: none: it never stops.
//
// Parameters: ActW, EntryW, MaxShift as in row_synth
// Ports:
//   act_load_i    take act_i for the centroids that come next
//   half_i        2^(shift-1), 0 for shift 0: at step 3; shift_high_i (its upper bits) at step 5; shift_low_i at step 6
module row_synth_entry #(
    parameter int unsigned ActW = 12,
    parameter int unsigned EntryW = 16,
    parameter int unsigned MaxShift = 15
) (
    input  logic              clk_i,
    input  logic              act_load_i,
    input  logic [2*ActW-1:0] act_i,
    input  logic [      15:0] centroid_i,
    input  logic [      14:0] half_i,
    input  logic [       3:0] shift_high_i,
    input  logic [       1:0] shift_low_i,
    output logic [EntryW-1:0] entry_o
);
  localparam int unsigned ProductW = ActW + 8;
  localparam int unsigned SumW = ProductW + 1;

  // ---- 1 to 4 --------------------------------------------------------------------------------------------------------
  logic signed [ActW-1:0] a0_q, a1_q, a1_late_q;
  logic signed [7:0] w1_late_q;
  logic signed [ProductW-1:0] product0_q, product1_q;
  logic signed [SumW-1:0] sum0_q, sum_q;
  wire signed [7:0] w0 = centroid_i[7:0], w1 = centroid_i[15:8];

  always_ff @(posedge clk_i) begin
    if (act_load_i) {a1_q, a0_q} <= act_i;
    a1_late_q  <= a1_q;
    w1_late_q  <= w1;
    product0_q <= a0_q * w0;
    product1_q <= a1_late_q * w1_late_q;
    sum_q      <= sum0_q + SumW'(product1_q);
  end

  // ---- 5 and 6 -------------------------------------------------------------------------------------------------------
  logic signed [SumW-1:0] whole;
  if (MaxShift > 0) begin : gen_shift
    logic signed [SumW-1:0] high_q, low_q;
    logic zero_q;  // what step 5 shifts out; 0 where nothing is shifted at all
    logic zero_high, zero_low;
    wire signed [SumW-1:0] low = high_q >>> shift_low_i;
    always_comb begin
      unique case (shift_high_i[3:2])
        2'd0: zero_high = shift_high_i[1:0] != '0;
        2'd1: zero_high = sum_q[3:0] == '0;
        2'd2: zero_high = sum_q[7:0] == '0;
        default: zero_high = sum_q[11:0] == '0;
      endcase
      unique case (shift_low_i)
        2'd0: zero_low = 1'b1;
        2'd1: zero_low = !high_q[0];
        2'd2: zero_low = high_q[1:0] == '0;
        default: zero_low = high_q[2:0] == '0;
      endcase
    end
    always_ff @(posedge clk_i) begin
      sum0_q <= SumW'(product0_q) + SumW'($signed({1'b0, half_i}));
      high_q <= sum_q >>> {shift_high_i[3:2], 2'b00};
      zero_q <= zero_high;
      low_q  <= {low[SumW-1:1], low[0] && !(zero_q && zero_low)};
    end
    assign whole = low_q;
  end else begin : gen_no_shift
    always_ff @(posedge clk_i) sum0_q <= SumW'(product0_q);
    assign whole = sum_q;
    wire unused = ^{half_i, shift_high_i, shift_low_i};
  end

  // ---- 7 -------------------------------------------------------------------------------------------------------------
  wire sign = whole[SumW-1];
  wire fits = whole[SumW-1:EntryW-1] == {SumW - EntryW + 1{sign}};
  always_ff @(posedge clk_i) entry_o <= fits ? whole[EntryW-1:0] : {sign, {EntryW - 1{!sign}}};
endmodule
