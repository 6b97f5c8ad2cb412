// linear_covq_search: centroid_search with its vectors counted, so that the caller sends plain vectors.
//
// For each search command: positions * tokens vectors arrive as [position][token]; after the last token of a position its codebook
// is released. The index of each comes out in the same order, tlast on a position's last token.
//
// Latency, throughput, back-pressure: those of centroid_search.
//
// Parameters: as in centroid_search
module linear_covq_search
  import linear_covq_pkg::*;
#(
    parameter int unsigned ActCentroids = 64,
    parameter int unsigned SearchUnits = 16,
    parameter int unsigned ChainLen = 1,
    parameter int unsigned ActW = 8,
    parameter int unsigned BeatW = 256,
    localparam int unsigned CidxW = $clog2(ActCentroids)
) (
    input  logic              clk_i,
    input  logic              rst_ni,
    input  logic              clear_i,
    input  logic [      15:0] s_job_positions_i,
    input  logic [      15:0] s_job_tokens_i,
    input  logic              s_job_valid_i,
    output logic              s_job_ready_o,       // high when the last vector is taken
    input  logic [ BeatW-1:0] s_axis_cb_tdata,
    input  logic [       1:0] s_axis_cb_tuser,     // c_code
    input  logic              s_axis_cb_tvalid,
    output logic              s_axis_cb_tready,
    input  logic [2*ActW-1:0] s_axis_vec_tdata,
    input  logic              s_axis_vec_tvalid,
    output logic              s_axis_vec_tready,
    output logic [ CidxW-1:0] m_axis_cidx_tdata,
    output logic              m_axis_cidx_tlast,
    output logic              m_axis_cidx_tvalid,
    input  logic              m_axis_cidx_tready
);
  localparam int unsigned CountW = $clog2(ActCentroids + 1);
  localparam int unsigned PerBeat = BeatW / (2 * ActW);

  logic [15:0] pos_q, tok_q;
  logic [CountW-1:0] beat_q;  // codebook beats taken of the current codebook
  logic vec_ready;
  wire take = s_axis_vec_tvalid && s_axis_vec_tready;
  wire last_tok = tok_q + 16'd1 == s_job_tokens_i;
  wire last_pos = pos_q + 16'd1 == s_job_positions_i;
  wire [CountW-1:0] centroids = CountW'(7'd16 << s_axis_cb_tuser);
  wire cb_last = (32'(beat_q) + 32'd1) * 32'(PerBeat) == 32'(centroids);

  assign s_axis_vec_tready = vec_ready && s_job_valid_i;
  assign s_job_ready_o     = take && last_tok && last_pos;

  always_ff @(posedge clk_i) begin
    if (!rst_ni || clear_i) begin
      pos_q  <= '0;
      tok_q  <= '0;
      beat_q <= '0;
    end else begin
      if (take) tok_q <= last_tok ? '0 : tok_q + 16'd1;
      if (take && last_tok) pos_q <= last_pos ? '0 : pos_q + 16'd1;
      if (s_axis_cb_tvalid && s_axis_cb_tready) beat_q <= cb_last ? '0 : beat_q + CountW'(1);
    end
  end

  centroid_search #(
      .Centroids(ActCentroids),
      .Units    (SearchUnits),
      .ChainLen (ChainLen),
      .BeatW    (BeatW),
      .ActW     (ActW)
  ) i_search (
      .clk_i,
      .rst_ni           (rst_ni && !clear_i),
      .centroids_i      (centroids),
      .s_axis_cb_tdata,
      .s_axis_cb_tvalid,
      .s_axis_cb_tready,
      .s_axis_cb_tlast  (cb_last),
      .s_axis_vec_tdata,
      .s_axis_vec_tvalid(s_axis_vec_tvalid && s_job_valid_i),
      .s_axis_vec_tready(vec_ready),
      .s_axis_vec_tlast (last_tok),
      .m_axis_idx_tdata (m_axis_cidx_tdata),
      .m_axis_idx_tvalid(m_axis_cidx_tvalid),
      .m_axis_idx_tready(m_axis_cidx_tready),
      .m_axis_idx_tlast (m_axis_cidx_tlast)
  );
endmodule
