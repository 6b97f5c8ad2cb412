// centroid_search: index of the centroid nearest to each 2-vector, with a new codebook for every vector or for many.
//
//   d0 = x0 - c0, d1 = x1 - c1, exact;  dist = max(|d0|,|d1|) | |d0|+|d1| | d0^2+d1^2;  the lowest i with the smallest dist
//
// Numbers:  x and c signed ActW bits. Nothing rounds, nothing overflows: dist has ActW, ActW+1 or 2*ActW+1 bits.
// Layout:   vector x0 = tdata[ActW-1:0], x1 above it; centroid i of a codebook beat at tdata[i*2*ActW +: 2*ActW], c0 low.
//           A codebook of c centroids is c*2*ActW/BeatW beats, tlast on the last. s_axis_vec_tlast marks the last vector that
//           uses the codebook, which is then released: tlast on every vector = streaming (decode), many vectors = held (prefill).
// Latency:  from a taken vector to its m_axis_idx_tvalid, output queue empty:
//               max(1, c/Units) + ChainLen + $clog2(Units/ChainLen) + 5 cycles;
//           a vector can be taken 1 + max(1, PerBeat/Units) cycles after the last beat of its codebook, PerBeat = BeatW/(2*ActW).
// Rate:     held, one vector per max(1, c/Units) cycles. Streaming, one codebook and vector per T = max(c/PerBeat, c/Units, 1)
//           cycles, i.e. one codebook beat a cycle when PerBeat <= Units, provided the ring hides the pipeline:
//               Banks*Centroids/Units >= max(1, c/Units) * (1 + ceil((c/PerBeat + ChainLen + 3) / T)).
// Stalls:   the pipeline never stalls. A vector is taken only when the output queue has room for its result (credits), so no ready
//           depends on m_axis_idx_tready within a cycle. Codebooks run ahead of the vectors until the ring is full: it holds
//           Banks*Centroids/max(c, Units) codebooks of c centroids. Results keep the order of the vectors.
//
// Parameters:
//   Centroids  largest codebook, power of two, 2..256
//   Units      distance units, power of two, 2..Centroids; 16 matches a 256-bit port, 64 takes a vector a cycle when held
//   ChainLen   compare stages in a chain, power of two, divides Units; 1 = pure tree (see docs for latency and area)
//   BeatW      codebook beat, a power of two of centroids, at most Centroids
//   ActW       bits of a coordinate, 2..16
//   Banks      codebooks of Centroids held, power of two; the default fills a 32-deep distributed RAM
//   Metric     Chebyshev, L1 or L2 (squared) of centroid_search_pkg = 0, 1, 2; an integer, so any command line can set it
// Ports:
//   centroids_i  c, power of two, PerBeat <= c <= Centroids; sampled with the first beat of each codebook, stable while it waits
module centroid_search
  import centroid_search_pkg::*;
#(
    parameter int unsigned Centroids = 64,
    parameter int unsigned Units = 16,
    parameter int unsigned ChainLen = 1,
    parameter int unsigned BeatW = 256,
    parameter int unsigned ActW = 8,
    parameter int unsigned Banks = (Units * 16 > Centroids) ? Units * 32 / Centroids : 2,
    parameter int unsigned Metric = Chebyshev,
    localparam int unsigned CountW = $clog2(Centroids + 1),
    localparam int unsigned PointW = 2 * ActW,
    localparam int unsigned IndexW = $clog2(Centroids)
) (
    input  logic              clk_i,
    input  logic              rst_ni,
    input  logic [CountW-1:0] centroids_i,
    input  logic [ BeatW-1:0] s_axis_cb_tdata,
    input  logic              s_axis_cb_tvalid,
    output logic              s_axis_cb_tready,
    input  logic              s_axis_cb_tlast,
    input  logic [PointW-1:0] s_axis_vec_tdata,
    input  logic              s_axis_vec_tvalid,
    output logic              s_axis_vec_tready,
    input  logic              s_axis_vec_tlast,
    output logic [IndexW-1:0] m_axis_idx_tdata,
    output logic              m_axis_idx_tvalid,
    input  logic              m_axis_idx_tready,
    output logic              m_axis_idx_tlast
);
  localparam int unsigned Chains = Units / ChainLen;
  localparam int unsigned Rows = Centroids / Units;
  localparam int unsigned Depth = Banks * Rows;
  localparam int unsigned RowW = $clog2(Depth);
  localparam int unsigned KW = (Rows > 1) ? $clog2(Rows) : 1;
  localparam int unsigned UnitW = $clog2(Units);
  localparam metric_e MetricE = metric_e'(Metric);
  localparam int unsigned DistW = dist_width(MetricE, ActW);
  localparam int unsigned PerBeat = BeatW / PointW;
  localparam int unsigned PartC = (PerBeat < Units) ? PerBeat : Units;
  localparam int unsigned Parts = Units / PartC;
  // issue register -> distances of place 0 -> end of the chains -> root of the tree
  localparam int unsigned RootDelay = 3 + ChainLen + $clog2(Chains);
  localparam int unsigned Credits = RootDelay + 4;  // the latency of a one-row vector, plus one

  if (Centroids != 2 ** $clog2(Centroids) || Centroids < 2 || Centroids > 256)
    $error("%m: Centroids is %0d, allowed: powers of two 2..256", Centroids);
  if (Units != 2 ** $clog2(Units) || Units < 2 || Units > Centroids)
    $error("%m: Units is %0d, allowed: powers of two 2..Centroids", Units);
  if (ChainLen != 2 ** $clog2(ChainLen) || ChainLen < 1 || ChainLen > Units)
    $error("%m: ChainLen is %0d, allowed: powers of two 1..Units", ChainLen);
  if (ActW < 2 || ActW > 16) $error("%m: ActW is %0d, allowed: 2..16", ActW);
  if (BeatW != PointW * 2 ** $clog2(PerBeat) || PerBeat > Centroids)
    $error("%m: BeatW is %0d, allowed: 2*ActW times a power of two up to Centroids", BeatW);
  if (Banks != 2 ** $clog2(Banks) || Banks < 1 || Depth < 2)
    $error("%m: Banks is %0d, allowed: powers of two, Banks*Centroids/Units >= 2", Banks);
  if (Metric > L2) $error("%m: Metric is %0d, allowed: 0..2", Metric);

  logic [Parts-1:0] wr_part;
  logic [RowW-1:0] wr_row;
  logic [PartC*PointW-1:0] wr_data;
  logic wr_last, release_row;

  centroid_search_load #(
      .Centroids(Centroids), .Units(Units), .BeatW(BeatW), .ActW(ActW), .Depth(Depth)
  ) u_load (
      .clk_i, .rst_ni, .centroids_i,
      .s_axis_cb_tdata, .s_axis_cb_tvalid, .s_axis_cb_tready, .s_axis_cb_tlast,
      .wr_part_o(wr_part), .wr_row_o(wr_row), .wr_data_o(wr_data), .wr_last_o(wr_last),
      .release_i(release_row)
  );

  logic issue_q, last_row_q, tlast_q, alone;
  logic [PointW-1:0] x_q;
  logic [RowW-1:0] row_q;
  logic [KW-1:0] k_q;

  centroid_search_issue #(
      .Depth(Depth), .KW(KW), .ActW(ActW), .Credits(Credits)
  ) u_issue (
      .clk_i, .rst_ni,
      .wr_i(|wr_part), .wr_row_i(wr_row), .wr_last_i(wr_last),
      .s_axis_vec_tdata, .s_axis_vec_tvalid, .s_axis_vec_tready, .s_axis_vec_tlast,
      .pop_i(m_axis_idx_tvalid && m_axis_idx_tready),
      .issue_o(issue_q), .row_o(row_q), .x_o(x_q), .k_o(k_q), .last_o(last_row_q), .tlast_o(tlast_q), .alone_o(alone)
  );

  // What travels beside the distances; [0] is the issue register delayed by one.
  logic [RootDelay-1:0] valid_pipe_q;
  logic [KW+1:0] meta_pipe_q[RootDelay];  // {k, last row, tlast}
  logic [ChainLen-1:0] release_pipe_q;
  wire read_last_time = issue_q && tlast_q;

  always_ff @(posedge clk_i) begin
    for (int unsigned i = 1; i < RootDelay; i++) meta_pipe_q[i] <= meta_pipe_q[i-1];
    meta_pipe_q[0] <= {k_q, last_row_q, tlast_q};
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      valid_pipe_q   <= '0;
      release_pipe_q <= '0;
    end else begin
      valid_pipe_q   <= RootDelay'({valid_pipe_q, issue_q});
      release_pipe_q <= ChainLen'({release_pipe_q, read_last_time});
    end
  end

  // The last place reads ChainLen-2 cycles after the issue register (place 1 reads beside place 0), and a released row is written
  // two cycles later at the earliest, so the release may come ChainLen-4 cycles after the issue register.
  assign release_row = (ChainLen > 4) ? release_pipe_q[(ChainLen > 4) ? ChainLen-5 : 0] : read_last_time;

  logic [Chains-1:0][DistW-1:0] dists;
  logic [Chains-1:0][UnitW-1:0] units;

  centroid_search_chains #(
      .Units(Units), .ChainLen(ChainLen), .PartC(PartC), .ActW(ActW), .Depth(Depth), .Metric(MetricE)
  ) u_chains (
      .clk_i,
      .wr_part_i(wr_part), .wr_row_i(wr_row), .wr_data_i(wr_data),
      .row_i(row_q), .x_i(x_q), .dist_o(dists), .unit_o(units)
  );

  logic found;
  logic [IndexW-1:0] index;
  logic index_tlast;

  centroid_search_reduce #(
      .Units(Units), .ChainLen(ChainLen), .Rows(Rows), .DistW(DistW)
  ) u_reduce (
      .clk_i, .rst_ni,
      .dist_i(dists), .unit_i(units),
      .valid_i(valid_pipe_q[RootDelay-1]), .k_i(meta_pipe_q[RootDelay-1][KW+1:2]),
      .last_i(meta_pipe_q[RootDelay-1][1]), .tlast_i(meta_pipe_q[RootDelay-1][0]),
      .valid_o(found), .index_o(index), .tlast_o(index_tlast)
  );

  logic queue_ready;
  logic [$clog2(Credits+1)-1:0] queue_level;
  fifo #(.Width(IndexW + 1), .Depth(Credits)) u_queue (
      .clk_i, .rst_ni, .clear_i(1'b0),
      .s_data_i({index_tlast, index}), .s_valid_i(found), .s_ready_o(queue_ready),
      .m_data_o({m_axis_idx_tlast, m_axis_idx_tdata}), .m_valid_o(m_axis_idx_tvalid), .m_ready_i(m_axis_idx_tready),
      .level_o(queue_level)
  );

  // Implementation: what the header promises.
  a_credits :
  assert property (@(posedge clk_i) disable iff (!rst_ni)
      found |-> queue_ready && queue_level < ($clog2(Credits+1))'(Credits));
`ifndef SYNTHESIS
  // The last row of a vector that is alone in the core, on its way: with the queue empty its result waits for the consumer
  // RootDelay + 2 cycles later, that is max(1, c/Units) + RootDelay + 2 cycles after the vector was taken.
  logic [RootDelay+1:0] alone_pipe_q;
  always_ff @(posedge clk_i) begin
    if (!rst_ni) alone_pipe_q <= '0;
    else alone_pipe_q <= {alone_pipe_q[RootDelay:0], issue_q && last_row_q && alone};
  end
  a_latency :
  assert property (@(posedge clk_i) disable iff (!rst_ni) alone_pipe_q[RootDelay+1] |-> m_axis_idx_tvalid);
  a_no_sooner :
  assert property (@(posedge clk_i) disable iff (!rst_ni) alone_pipe_q[RootDelay] |-> !m_axis_idx_tvalid);
`endif
endmodule
