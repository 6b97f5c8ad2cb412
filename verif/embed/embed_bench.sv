// embed_bench: embed with the real hbm_streamer on an axi_read_mem with hashed contents. For tb_streamer.py.
module embed_bench #(
    parameter int unsigned Lanes = 16,
    parameter int unsigned BeatW = 256
) (
    input  logic                clk_i,
    input  logic                rst_ni,
    input  logic                clear_i,
    input  logic [        63:0] base_i,
    input  logic [        11:0] stride_i,
    input  logic [        15:0] values_i,
    input  logic [        31:0] rows_i,
    input  logic [        31:0] s_axis_id_tdata,
    input  logic                s_axis_id_tvalid,
    output logic                s_axis_id_tready,
    output logic [32*Lanes-1:0] m_axis_tdata,
    output logic                m_axis_tlast,
    output logic                m_axis_tvalid,
    input  logic                m_axis_tready,
    output logic                error_o,           // of either core
    input  logic [        15:0] latency_i,         // of the memory; then its stalls, of 256
    input  logic [         7:0] ar_stall_i,
    input  logic [         7:0] r_gap_i,
    input  logic [        31:0] seed_i
);
  logic [63:0] desc_addr, araddr, error_addr;
  logic [31:0] desc_bytes, ars, beats;
  logic [7:0] desc_tag, beat_user, error_tag, arlen;
  logic desc_valid, desc_ready, beat_valid, beat_ready, beat_last;
  logic [BeatW-1:0] beat_data, rdata;
  logic arid, rid, arvalid, arready, rlast, rvalid, rready;
  logic [2:0] arsize, arprot;
  logic [1:0] arburst, rresp;
  logic [3:0] arcache;
  logic embed_error, embed_busy, streamer_error, streamer_busy, streamer_idle;
  embed_pkg::cause_e cause;
  hbm_streamer_pkg::cause_e streamer_cause;

  assign error_o = embed_error || streamer_error;

  embed #(
      .Lanes(Lanes), .BeatW(BeatW)
  ) i_embed (
      .clk_i, .rst_ni, .clear_i, .base_i, .stride_i, .values_i, .rows_i, .s_axis_id_tdata, .s_axis_id_tvalid,
      .s_axis_id_tready, .m_desc_addr(desc_addr), .m_desc_bytes(desc_bytes), .m_desc_tag(desc_tag),
      .m_desc_tvalid(desc_valid), .m_desc_tready(desc_ready), .s_axis_beat_tdata(beat_data), .s_axis_beat_tlast(beat_last),
      .s_axis_beat_tvalid(beat_valid), .s_axis_beat_tready(beat_ready), .m_axis_tdata, .m_axis_tlast, .m_axis_tvalid,
      .m_axis_tready, .busy_o(embed_busy), .error_o(embed_error), .cause_o(cause)
  );

  hbm_streamer #(
      .DataW(BeatW)
  ) i_streamer (
      .clk_i, .rst_ni, .s_desc_addr(desc_addr), .s_desc_bytes(desc_bytes), .s_desc_tag(desc_tag),
      .s_desc_tvalid(desc_valid), .s_desc_tready(desc_ready), .m_axis_tdata(beat_data), .m_axis_tlast(beat_last),
      .m_axis_tuser(beat_user), .m_axis_tvalid(beat_valid), .m_axis_tready(beat_ready), .m_axi_arid(arid),
      .m_axi_araddr(araddr), .m_axi_arlen(arlen), .m_axi_arsize(arsize), .m_axi_arburst(arburst),
      .m_axi_arcache(arcache), .m_axi_arprot(arprot), .m_axi_arvalid(arvalid), .m_axi_arready(arready), .m_axi_rid(rid),
      .m_axi_rdata(rdata), .m_axi_rresp(rresp), .m_axi_rlast(rlast), .m_axi_rvalid(rvalid), .m_axi_rready(rready),
      .clear_i, .busy_o(streamer_busy), .idle_o(streamer_idle), .error_o(streamer_error), .error_cause_o(streamer_cause),
      .error_addr_o(error_addr), .error_tag_o(error_tag)
  );

  axi_read_mem #(
      .DataW(BeatW), .Hash(1'b1)
  ) i_mem (
      .clk_i, .rst_ni, .s_axi_arid(arid), .s_axi_araddr(araddr), .s_axi_arlen(arlen), .s_axi_arsize(arsize),
      .s_axi_arburst(arburst), .s_axi_arvalid(arvalid), .s_axi_arready(arready), .s_axi_rid(rid), .s_axi_rdata(rdata),
      .s_axi_rresp(rresp), .s_axi_rlast(rlast), .s_axi_rvalid(rvalid), .s_axi_rready(rready), .latency_i, .ar_stall_i,
      .r_gap_i, .seed_i, .err_en_i(1'b0), .err_addr_i('0), .err_resp_i('0), .err_last_i(1'b0), .dead_i(1'b0), .load_i(1'b0),
      .ars_o(ars), .beats_o(beats)
  );
endmodule
