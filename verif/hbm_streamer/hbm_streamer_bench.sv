// hbm_streamer_bench: hbm_streamer on an axi_read_mem with hashed contents, both ends and all knobs as ports. For tb.py.
module hbm_streamer_bench #(
    parameter int unsigned DataW = 256,
    parameter int unsigned AddrW = 64,
    parameter int unsigned BytesW = 32,
    parameter int unsigned TagW = 8,
    parameter int unsigned IdW = 2,
    parameter int unsigned WindowBytes = 4096,
    parameter int unsigned MaxBurstBytes = 512,
    parameter int unsigned BufferBeats = 512,
    parameter int unsigned FetchDescs = 128,
    parameter bit Hash = 1'b1,
    parameter int unsigned MemBytes = 16384  // at 1 GB, if Hash = 0
) (
    input  logic              clk_i,
    input  logic              rst_ni,
    input  logic [ AddrW-1:0] s_desc_addr,
    input  logic [BytesW-1:0] s_desc_bytes,
    input  logic [  TagW-1:0] s_desc_tag,
    input  logic              s_desc_tvalid,
    output logic              s_desc_tready,
    output logic [ DataW-1:0] m_axis_tdata,
    output logic              m_axis_tlast,
    output logic [  TagW-1:0] m_axis_tuser,
    output logic              m_axis_tvalid,
    input  logic              m_axis_tready,
    input  logic              clear_i,
    output logic              busy_o,
    output logic              idle_o,
    output logic              error_o,
    output logic [       3:0] error_cause_o,
    output logic [ AddrW-1:0] error_addr_o,
    output logic [  TagW-1:0] error_tag_o,
    // observed
    output logic [ AddrW-1:0] m_axi_araddr,
    output logic [       7:0] m_axi_arlen,
    output logic              m_axi_arvalid,
    output logic              m_axi_arready,
    output logic              m_axi_rvalid,
    // memory
    input  logic [      15:0] latency_i,
    input  logic [       7:0] ar_stall_i,
    input  logic [       7:0] r_gap_i,
    input  logic [      31:0] seed_i,
    input  logic              err_en_i,
    input  logic [ AddrW-1:0] err_addr_i,
    input  logic [       1:0] err_resp_i,
    input  logic              err_last_i,
    input  logic              dead_i,
    input  logic              load_i,
    input  logic              foreign_i,  // falsify RID
    input  logic              spurious_i,  // a beat nobody asked for
    output logic              out_live_o,  // low while the output may be withdrawn (reset, clear)
    // seen since reset
    output logic              window_full_o,
    output logic              buffer_full_o
);
  logic [IdW-1:0] arid, rid;
  logic [2:0] arsize, arprot;
  logic [1:0] arburst, rresp;
  logic [3:0] arcache;
  logic [DataW-1:0] rdata;
  logic rlast, rvalid, rready;
  logic [31:0] ars, beats;

  logic clear_q;
  logic [31:0] flight_q, reserved_q;  // beats asked for and not back; not delivered

  always_ff @(posedge clk_i) begin
    clear_q <= clear_i;
    if (!rst_ni || clear_i) begin
      flight_q <= 0;
      reserved_q <= 0;
    end else begin
      flight_q <= flight_q + ((m_axi_arvalid && m_axi_arready) ? 32'(m_axi_arlen) + 1 : 0) - (rvalid ? 1 : 0);
      reserved_q <= reserved_q + ((m_axi_arvalid && m_axi_arready) ? 32'(m_axi_arlen) + 1 : 0)
                    - ((m_axis_tvalid && m_axis_tready) ? 1 : 0);
    end
    window_full_o <= rst_ni && (window_full_o || flight_q == WindowBytes / (DataW / 8));
    buffer_full_o <= rst_ni && (buffer_full_o || reserved_q == BufferBeats);
  end

  assign out_live_o = rst_ni && !clear_i && !clear_q;
  assign m_axi_rvalid = rvalid;

  hbm_streamer #(
      .DataW        (DataW),
      .AddrW        (AddrW),
      .BytesW       (BytesW),
      .TagW         (TagW),
      .IdW          (IdW),
      .WindowBytes  (WindowBytes),
      .MaxBurstBytes(MaxBurstBytes),
      .BufferBeats  (BufferBeats),
      .FetchDescs   (FetchDescs)
  ) i_dut (
      .clk_i,
      .rst_ni,
      .s_desc_addr,
      .s_desc_bytes,
      .s_desc_tag,
      .s_desc_tvalid,
      .s_desc_tready,
      .m_axis_tdata,
      .m_axis_tlast,
      .m_axis_tuser,
      .m_axis_tvalid,
      .m_axis_tready,
      .m_axi_arid   (arid),
      .m_axi_araddr (m_axi_araddr),
      .m_axi_arlen  (m_axi_arlen),
      .m_axi_arsize (arsize),
      .m_axi_arburst(arburst),
      .m_axi_arcache(arcache),
      .m_axi_arprot (arprot),
      .m_axi_arvalid(m_axi_arvalid),
      .m_axi_arready(m_axi_arready),
      .m_axi_rid    (rid ^ IdW'(foreign_i)),
      .m_axi_rdata  (rdata),
      .m_axi_rresp  (rresp),
      .m_axi_rlast  (rlast || (spurious_i && !rvalid)),
      .m_axi_rvalid (rvalid || spurious_i),
      .m_axi_rready (rready),
      .clear_i,
      .busy_o,
      .idle_o,
      .error_o,
      .error_cause_o(error_cause_o),
      .error_addr_o,
      .error_tag_o
  );

  axi_read_mem #(
      .DataW   (DataW),
      .AddrW   (AddrW),
      .IdW     (IdW),
      .Hash    (Hash),
      .MemBytes(MemBytes),
      .BaseAddr(64'h4000_0000),
      .Latency (30)
  ) i_mem (
      .clk_i,
      .rst_ni,
      .s_axi_arid   (arid),
      .s_axi_araddr (m_axi_araddr),
      .s_axi_arlen  (m_axi_arlen),
      .s_axi_arsize (arsize),
      .s_axi_arburst(arburst),
      .s_axi_arvalid(m_axi_arvalid),
      .s_axi_arready(m_axi_arready),
      .s_axi_rid    (rid),
      .s_axi_rdata  (rdata),
      .s_axi_rresp  (rresp),
      .s_axi_rlast  (rlast),
      .s_axi_rvalid (rvalid),
      .s_axi_rready (rready),
      .latency_i,
      .ar_stall_i,
      .r_gap_i,
      .seed_i,
      .err_en_i,
      .err_addr_i,
      .err_resp_i,
      .err_last_i,
      .dead_i,
      .load_i,
      .ars_o        (ars),
      .beats_o      (beats)
  );
endmodule
