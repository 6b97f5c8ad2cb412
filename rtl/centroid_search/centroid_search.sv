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
//           depends on m_axis_idx_tready within a cycle. Codebooks run ahead until the ring of Banks full codebooks is full
//           (Banks*Centroids/c codebooks of c centroids). Results keep the order of the vectors.
//
// Parameters:
//   Centroids  largest codebook, power of two, 2..256
//   Units      distance units, power of two, 2..Centroids; 16 matches a 256-bit port, 64 takes a vector a cycle when held
//   ChainLen   compare stages in a chain, power of two, divides Units; 1 = pure tree (see docs for latency and area)
//   BeatW      codebook beat, a power of two of centroids, at most Centroids
//   ActW       bits of a coordinate, 2..16
//   Banks      codebooks of Centroids held, power of two; the default fills a 32-deep distributed RAM
//   Metric     Chebyshev, L1 or L2 (squared)
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
    parameter metric_e Metric = Chebyshev,
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
  localparam int unsigned DistW = dist_width(Metric, ActW);
  localparam int unsigned PerBeat = BeatW / PointW;
  localparam int unsigned PartC = (PerBeat < Units) ? PerBeat : Units;
  localparam int unsigned Parts = Units / PartC;
  // issue register -> distances of place 0 -> end of the chains -> root of the tree
  localparam int unsigned RootDelay = 3 + ChainLen + $clog2(Chains);
  localparam int unsigned Credits = RootDelay + 4;  // the latency of a one-row vector, plus one
  localparam int unsigned CreditW = $clog2(Credits + 1);

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
  if (Metric != Chebyshev && Metric != L1 && Metric != L2) $error("%m: Metric is %0d, allowed: 0..2", Metric);

  // ---- codebook ring ----
  logic [Parts-1:0] wr_part;
  logic [RowW-1:0] wr_row;
  logic [PartC*PointW-1:0] wr_data;
  logic wr_last, release_row;
  (* ram_style = "distributed" *) logic row_ends[Depth];  // this row is the last of its codebook
  logic [RowW:0] books_q;  // complete codebooks whose last vector has not been taken

  centroid_search_load #(
      .Centroids(Centroids), .Units(Units), .BeatW(BeatW), .ActW(ActW), .Depth(Depth)
  ) u_load (
      .clk_i, .rst_ni, .centroids_i,
      .s_axis_cb_tdata, .s_axis_cb_tvalid, .s_axis_cb_tready, .s_axis_cb_tlast,
      .wr_part_o(wr_part), .wr_row_o(wr_row), .wr_data_o(wr_data), .wr_last_o(wr_last),
      .release_i(release_row)
  );

  always_ff @(posedge clk_i) if (|wr_part) row_ends[wr_row] <= wr_last;

  // ---- issue: one row a cycle; a vector walks the rows of its codebook ----
  logic issue_q, last_row_q, tlast_q;
  logic [PointW-1:0] x_q;
  logic [RowW-1:0] row_q, base_q;  // row being read; first row of the codebook
  logic [KW-1:0] k_q;
  logic [CreditW-1:0] credits_q;
  logic have_book_q, have_credit_q;  // books_q != 0, credits_q != 0: registered, tready is on the longest path

  wire take = s_axis_vec_tvalid && s_axis_vec_tready;
  wire pop = m_axis_idx_tvalid && m_axis_idx_tready;
  wire drop_book = take && s_axis_vec_tlast;
  wire [RowW-1:0] next_row = row_q + RowW'(1);
  wire [RowW-1:0] next_base = (issue_q && last_row_q && tlast_q) ? next_row : base_q;

  assign s_axis_vec_tready = have_book_q && have_credit_q && (!issue_q || last_row_q);

  always_ff @(posedge clk_i) begin
    row_q      <= take ? next_base : next_row;
    k_q        <= take ? '0 : k_q + KW'(1);
    last_row_q <= take ? row_ends[next_base] : row_ends[next_row];
    if (take) begin
      x_q     <= s_axis_vec_tdata;
      tlast_q <= s_axis_vec_tlast;
    end
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      issue_q       <= 1'b0;
      base_q        <= '0;
      books_q       <= '0;
      have_book_q   <= 1'b0;
      credits_q     <= CreditW'(Credits);
      have_credit_q <= 1'b1;
    end else begin
      issue_q <= take || (issue_q && !last_row_q);
      base_q  <= next_base;
      if (wr_last && !drop_book) begin
        books_q     <= books_q + (RowW + 1)'(1);
        have_book_q <= 1'b1;
      end else if (drop_book && !wr_last) begin
        books_q     <= books_q - (RowW + 1)'(1);
        have_book_q <= books_q != (RowW + 1)'(1);
      end
      if (pop && !take) begin
        credits_q     <= credits_q + CreditW'(1);
        have_credit_q <= 1'b1;
      end else if (take && !pop) begin
        credits_q     <= credits_q - CreditW'(1);
        have_credit_q <= credits_q != CreditW'(1);
      end
    end
  end

  // ---- what travels beside the distances: [0] is the issue register delayed by one ----
  logic [RootDelay-1:0] valid_pipe_q;
  logic [KW+1:0] meta_pipe_q[RootDelay];  // {k, last row, tlast}
  logic [RowW-1:0] row_pipe_q[ChainLen];
  logic [PointW-1:0] x_pipe_q[ChainLen];
  logic [ChainLen-1:0] release_pipe_q;
  wire read_last_time = issue_q && tlast_q;

  always_ff @(posedge clk_i) begin
    for (int unsigned i = 1; i < RootDelay; i++) meta_pipe_q[i] <= meta_pipe_q[i-1];
    for (int unsigned i = 1; i < ChainLen; i++) begin
      row_pipe_q[i] <= row_pipe_q[i-1];
      x_pipe_q[i]   <= x_pipe_q[i-1];
    end
    meta_pipe_q[0] <= {k_q, last_row_q, tlast_q};
    row_pipe_q[0]  <= row_q;
    x_pipe_q[0]    <= x_q;
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

  // ---- chains ----
  logic [Chains-1:0][DistW-1:0] chain_dist[ChainLen+1];
  logic [Chains-1:0][UnitW-1:0] chain_unit[ChainLen+1];
  assign chain_dist[0] = '1;
  assign chain_unit[0] = '0;

  for (genvar j = 0; j < ChainLen; j++) begin : gen_place
    logic [Chains-1:0] en;
    logic [Chains-1:0][PointW-1:0] data;
    always_comb begin
      for (int unsigned n = 0; n < Chains; n++) begin
        en[n]   = wr_part[(n*ChainLen+j)/PartC];
        data[n] = wr_data[((n*ChainLen+j)%PartC)*PointW+:PointW];
      end
    end
    centroid_search_stage #(
        .Units(Units), .ChainLen(ChainLen), .Place(j), .ActW(ActW), .Depth(Depth), .Metric(Metric)
    ) u_stage (
        .clk_i,
        .wr_en_i(en), .wr_row_i(wr_row), .wr_data_i(data),
        .row_i((j < 2) ? row_q : row_pipe_q[(j < 2) ? 0 : j-2]),
        .x_i(x_pipe_q[(j < 2) ? 0 : j-1]),
        .prev_dist_i(chain_dist[j]), .prev_unit_i(chain_unit[j]),
        .best_dist_o(chain_dist[j+1]), .best_unit_o(chain_unit[j+1])
    );
  end

  // ---- nearest of all ----
  logic found;
  logic [IndexW-1:0] index;
  logic index_tlast;

  centroid_search_reduce #(
      .Units(Units), .ChainLen(ChainLen), .Rows(Rows), .DistW(DistW)
  ) u_reduce (
      .clk_i, .rst_ni,
      .dist_i(chain_dist[ChainLen]), .unit_i(chain_unit[ChainLen]),
      .valid_i(valid_pipe_q[RootDelay-1]), .k_i(meta_pipe_q[RootDelay-1][KW+1:2]),
      .last_i(meta_pipe_q[RootDelay-1][1]), .tlast_i(meta_pipe_q[RootDelay-1][0]),
      .valid_o(found), .index_o(index), .tlast_o(index_tlast)
  );

  logic queue_ready;
  logic [CreditW-1:0] queue_level;
  fifo #(.Width(IndexW + 1), .Depth(Credits)) u_queue (
      .clk_i, .rst_ni, .clear_i(1'b0),
      .s_data_i({index_tlast, index}), .s_valid_i(found), .s_ready_o(queue_ready),
      .m_data_o({m_axis_idx_tlast, m_axis_idx_tdata}), .m_valid_o(m_axis_idx_tvalid), .m_ready_i(m_axis_idx_tready),
      .level_o(queue_level)
  );

  // Implementation: what the header promises.
  a_credits :
  assert property (@(posedge clk_i) disable iff (!rst_ni) !(found && !queue_ready) && queue_level <= CreditW'(Credits) - credits_q);
`ifndef SYNTHESIS
  // The last row of a vector that is alone in the core, on its way: with the queue empty its result waits for the consumer
  // RootDelay + 2 cycles later, that is max(1, c/Units) + RootDelay + 2 cycles after the vector was taken.
  logic [RootDelay+1:0] alone_pipe_q;
  always_ff @(posedge clk_i) begin
    if (!rst_ni) alone_pipe_q <= '0;
    else alone_pipe_q <= {alone_pipe_q[RootDelay:0], issue_q && last_row_q && credits_q == CreditW'(Credits - 1)};
  end
  a_latency :
  assert property (@(posedge clk_i) disable iff (!rst_ni) alone_pipe_q[RootDelay+1] |-> m_axis_idx_tvalid);
  a_no_sooner :
  assert property (@(posedge clk_i) disable iff (!rst_ni) alone_pipe_q[RootDelay] |-> !m_axis_idx_tvalid);
`endif
  a_issue :
  assert property (@(posedge clk_i) disable iff (!rst_ni) take |=> issue_q);
  a_ring :
  assert property (@(posedge clk_i) disable iff (!rst_ni) books_q <= (RowW + 1)'(Depth));
  a_flags :
  assert property (@(posedge clk_i) disable iff (!rst_ni) have_book_q == (books_q != 0) && have_credit_q == (credits_q != 0));
endmodule
