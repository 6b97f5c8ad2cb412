// centroid_search_chains: Units / ChainLen chains of ChainLen compare stages each; row and vector travel along with the stages.
//
// Places 0 and 1 of a chain read beside each other (place 0 has no compare before it), every further place one cycle later.
//
// Latency:    row_i and x_i to dist_o: 3 + ChainLen cycles. Throughput: one row a cycle, no stall.
// Parameters: Units, ChainLen, ActW, Metric as in centroid_search; PartC units per write enable; Depth rows of memory.
// Ports:      wr_*  one row write a cycle: wr_part_i enables units p*PartC .. p*PartC+PartC-1, all get the same data
//             row_i, x_i  what to read and compare; dist_o, unit_o per chain the smallest distance and the place that has it
module centroid_search_chains
  import centroid_search_pkg::*;
#(
    parameter int unsigned Units = 16,
    parameter int unsigned ChainLen = 1,
    parameter int unsigned PartC = 16,
    parameter int unsigned ActW = 8,
    parameter int unsigned Depth = 32,
    parameter metric_e Metric = Chebyshev,
    localparam int unsigned Chains = Units / ChainLen,
    localparam int unsigned Parts = Units / PartC,
    localparam int unsigned PointW = 2 * ActW,
    localparam int unsigned RowW = $clog2(Depth),
    localparam int unsigned UnitW = $clog2(Units),
    localparam int unsigned DistW = dist_width(Metric, ActW)
) (
    input  logic                         clk_i,
    input  logic [     Parts-1:0]        wr_part_i,
    input  logic [      RowW-1:0]        wr_row_i,
    input  logic [PartC*PointW-1:0]      wr_data_i,
    input  logic [      RowW-1:0]        row_i,
    input  logic [    PointW-1:0]        x_i,
    output logic [Chains-1:0][DistW-1:0] dist_o,
    output logic [Chains-1:0][UnitW-1:0] unit_o
);
  logic [RowW-1:0] row_pipe_q[ChainLen];
  logic [PointW-1:0] x_pipe_q[ChainLen];
  logic [Chains-1:0][DistW-1:0] dist_at[ChainLen+1];
  logic [Chains-1:0][UnitW-1:0] unit_at[ChainLen+1];

  assign dist_at[0] = '1;
  assign unit_at[0] = '0;
  assign dist_o = dist_at[ChainLen];
  assign unit_o = unit_at[ChainLen];

  always_ff @(posedge clk_i) begin
    row_pipe_q[0] <= row_i;
    x_pipe_q[0]   <= x_i;
    for (int unsigned i = 1; i < ChainLen; i++) begin
      row_pipe_q[i] <= row_pipe_q[i-1];
      x_pipe_q[i]   <= x_pipe_q[i-1];
    end
  end

  for (genvar j = 0; j < ChainLen; j++) begin : gen_place
    logic [Chains-1:0] en;
    logic [Chains-1:0][PointW-1:0] data;
    always_comb begin
      for (int unsigned n = 0; n < Chains; n++) begin
        en[n]   = wr_part_i[(n*ChainLen+j)/PartC];
        data[n] = wr_data_i[((n*ChainLen+j)%PartC)*PointW+:PointW];
      end
    end
    centroid_search_stage #(
        .Units(Units), .ChainLen(ChainLen), .Place(j), .ActW(ActW), .Depth(Depth), .Metric(Metric)
    ) u_stage (
        .clk_i,
        .wr_en_i(en), .wr_row_i, .wr_data_i(data),
        .row_i((j < 2) ? row_i : row_pipe_q[(j < 2) ? 0 : j-2]),
        .x_i(x_pipe_q[(j < 2) ? 0 : j-1]),
        .prev_dist_i(dist_at[j]), .prev_unit_i(unit_at[j]),
        .best_dist_o(dist_at[j+1]), .best_unit_o(unit_at[j+1])
    );
  end
endmodule
