// centroid_search_stage: place `Place` of every chain: centroid memory, distance units and the compare with the place before.
//
// One unit per chain; unit u = chain * ChainLen + Place. All units of a stage share one memory with one read address.
//   cycle 0  row_i        -> read the centroids
//   cycle 1  x_i          -> differences d = x - c, exact, ActW + 1 bits
//   cycle 2               -> Chebyshev: the larger difference, complemented if negative; L1: sum or difference; L2: squares
//   cycle 3               -> distance
//   cycle 4  prev_*_i     -> keep the nearer; equal keeps the earlier place, which is the lower index
// Place 0 has nobody before it and gives its distance at once.
//
// Latency:    row_i to best 4 cycles for place 0, 5 for the others. Throughput: one row a cycle, no stall.
// Parameters: Units, ChainLen, ActW, Metric as in centroid_search; Depth rows of memory; Place 0 .. ChainLen-1.
// Ports:      *_unit_* carries the place in its low bits, the rest is zero.
module centroid_search_stage
  import centroid_search_pkg::*;
#(
    parameter int unsigned Units = 16,
    parameter int unsigned ChainLen = 1,
    parameter int unsigned Place = 0,
    parameter int unsigned ActW = 8,
    parameter int unsigned Depth = 32,
    parameter metric_e Metric = Chebyshev,
    localparam int unsigned Chains = Units / ChainLen,
    localparam int unsigned PointW = 2 * ActW,
    localparam int unsigned RowW = $clog2(Depth),
    localparam int unsigned UnitW = $clog2(Units),
    localparam int unsigned DistW = dist_width(Metric, ActW)
) (
    input  logic                           clk_i,
    input  logic [Chains-1:0]              wr_en_i,
    input  logic [  RowW-1:0]              wr_row_i,
    input  logic [Chains-1:0][PointW-1:0]  wr_data_i,
    input  logic [  RowW-1:0]              row_i,
    input  logic [PointW-1:0]              x_i,
    input  logic [Chains-1:0][ DistW-1:0]  prev_dist_i,
    input  logic [Chains-1:0][ UnitW-1:0]  prev_unit_i,
    output logic [Chains-1:0][ DistW-1:0]  best_dist_o,
    output logic [Chains-1:0][ UnitW-1:0]  best_unit_o
);
  (* ram_style = "distributed" *) logic [Chains-1:0][PointW-1:0] mem[Depth];
  logic [Chains-1:0][PointW-1:0] c_q;
  logic [Chains-1:0][ActW:0] d0_q, d1_q;
  logic [Chains-1:0][DistW-1:0] dist_q;

  // With the sign bits flipped (offset binary) the subtraction is unsigned and its borrow is the sign of the difference.
  function automatic logic [ActW:0] diff(input logic [ActW-1:0] x, input logic [ActW-1:0] c);
    return {1'b0, ~x[ActW-1], x[ActW-2:0]} - {1'b0, ~c[ActW-1], c[ActW-2:0]};
  endfunction

  // a + b or a - b, the low ActW + 1 bits
  function automatic logic [ActW:0] add_if(input logic [ActW:0] a, input logic [ActW:0] b, input logic add);
    return a + (b ^ {ActW + 1{!add}}) + (ActW + 1)'(!add);
  endfunction

  // {sign, ones' complement magnitude} of the one with the larger magnitude
  function automatic logic [ActW:0] larger(input logic [ActW:0] a, input logic [ActW:0] b);
    logic [ActW:0] w, d;
    w = add_if(a, b, a[ActW] != b[ActW]);
    d = (w[ActW] == a[ActW]) ? a : b;
    return {d[ActW], d[ActW-1:0] ^ {ActW{d[ActW]}}};
  endfunction

  function automatic logic [PointW-1:0] square(input logic [ActW:0] d);
    logic signed [PointW-1:0] wide;
    wide = PointW'($signed(d));
    return wide * wide;
  endfunction

  always_ff @(posedge clk_i) begin
    for (int unsigned n = 0; n < Chains; n++) if (wr_en_i[n]) mem[wr_row_i][n] <= wr_data_i[n];
  end

  always_ff @(posedge clk_i) begin
    c_q <= mem[row_i];
    for (int unsigned n = 0; n < Chains; n++) begin
      d0_q[n] <= diff(x_i[ActW-1:0], c_q[n][ActW-1:0]);
      d1_q[n] <= diff(x_i[PointW-1:ActW], c_q[n][PointW-1:ActW]);
    end
  end

  if (Metric == L2) begin : gen_l2
    // Squared with the sign: a DSP block takes that as it is.
    logic [Chains-1:0][PointW-1:0] s0_q, s1_q;
    always_ff @(posedge clk_i) begin
      for (int unsigned n = 0; n < Chains; n++) begin
        s0_q[n]   <= square(d0_q[n]);
        s1_q[n]   <= square(d1_q[n]);
        dist_q[n] <= DistW'(s0_q[n]) + DistW'(s1_q[n]);
      end
    end
  end else if (Metric == L1) begin : gen_l1
    // |a| + |b| = |a +- b|, minus when the signs differ; the result has the sign of a and its magnitude fits ActW + 1 bits.
    logic [Chains-1:0][ActW:0] w_q;
    logic [Chains-1:0] negative_q;
    always_ff @(posedge clk_i) begin
      for (int unsigned n = 0; n < Chains; n++) begin
        w_q[n]        <= add_if(d0_q[n], d1_q[n], d0_q[n][ActW] == d1_q[n][ActW]);
        negative_q[n] <= d0_q[n][ActW];
        dist_q[n]     <= (w_q[n] ^ {DistW{negative_q[n]}}) + DistW'(negative_q[n]);
      end
    end
  end else begin : gen_chebyshev
    // max(|a|, |b|) in two carry chains instead of four: the sign of a -+ b (minus when the signs agree) tells which is larger;
    // choosing it and complementing it share a LUT, the + 1 of the negation follows. |d| < 2**ActW, so ActW bits hold it.
    logic [Chains-1:0][ActW-1:0] ones_q;
    logic [Chains-1:0] negative_q;
    always_ff @(posedge clk_i) begin
      for (int unsigned n = 0; n < Chains; n++) begin
        {negative_q[n], ones_q[n]} <= larger(d0_q[n], d1_q[n]);
        dist_q[n] <= ones_q[n] + DistW'(negative_q[n]);
      end
    end
  end

  if (Place == 0) begin : gen_first
    assign best_dist_o = dist_q;
    assign best_unit_o = '0;
    wire unused = ^{prev_dist_i, prev_unit_i};
  end else begin : gen_compare
    always_ff @(posedge clk_i) begin
      for (int unsigned n = 0; n < Chains; n++) begin
        best_dist_o[n] <= (dist_q[n] < prev_dist_i[n]) ? dist_q[n] : prev_dist_i[n];
        best_unit_o[n] <= (dist_q[n] < prev_dist_i[n]) ? UnitW'(Place) : prev_unit_i[n];
      end
    end
  end
endmodule
