// axi_memory_bench: hbm_streamer and hbm_writer on every port of a shared axi_memory. Port 0 is driven by tb.py; with flood_i = 1 the
// streamers of all ports read on and on by themselves, 4 KB a descriptor, and their beats are dropped.
module axi_memory_bench #(
    parameter int unsigned Ports = 2,
    parameter int unsigned Latency = 40
) (
    input  logic         clk_i,
    input  logic         rst_ni,
    input  logic         clear_i,
    input  logic         flood_i,
    input  logic [ 31:0] strobes_i,  // masks those of the writers
    // port 0
    input  logic [ 63:0] s_read_addr,
    input  logic [ 31:0] s_read_bytes,
    input  logic         s_read_tvalid,
    output logic         s_read_tready,
    output logic [255:0] m_axis_tdata,
    output logic         m_axis_tvalid,
    input  logic         m_axis_tready,
    input  logic [ 63:0] s_write_addr,
    input  logic [ 31:0] s_write_bytes,
    input  logic         s_write_tvalid,
    output logic         s_write_tready,
    input  logic [255:0] s_axis_tdata,
    input  logic         s_axis_tvalid,
    output logic         s_axis_tready,
    output logic [  3:0] m_done_cause,
    output logic         m_done_tvalid,
    input  logic         m_done_tready,
    output logic         read_idle_o,
    output logic [  3:0] read_cause_o,
    output logic [ 63:0] read_error_addr_o,
    output logic         write_idle_o,
    output logic [  3:0] write_cause_o,
    // seen
    output logic         arvalid_o,
    output logic         arready_o,
    output logic         rvalid_o,
    output logic         wlast_o,    // taken
    output logic         bvalid_o,
    output logic [ 31:0] beats_o     // of all streamers
);
  logic [Ports-1:0] out_valid;

  always_ff @(posedge clk_i) beats_o <= rst_ni ? beats_o + 32'($countones(out_valid)) : '0;

  for (genvar p = 0; p < Ports; p++) begin : g_port
    logic [63:0] read_addr, flood_q, error_addr, unused_write_error_addr;
    logic [31:0] read_bytes, wstrb;
    logic read_valid, read_ready, valid, unused_last, unused_error, unused_write_error, read_idle, write_idle;
    logic unused_busy, unused_write_busy, write_ready, in_ready, done_valid;
    logic [255:0] data;
    logic [7:0] unused_user, unused_tag, unused_read_tag, unused_done_tag;
    hbm_streamer_pkg::cause_e read_cause, write_cause, done_cause;
    logic [0:0] arid, rid, awid, bid;
    logic [63:0] araddr, awaddr;
    logic [7:0] arlen, awlen;
    logic [2:0] arsize, awsize, unused_arprot, unused_awprot;
    logic [1:0] arburst, awburst, rresp, bresp;
    logic [3:0] unused_arcache, unused_awcache;
    logic arvalid, arready, rlast, rvalid, rready, awvalid, awready, wlast, wvalid, wready, bvalid, bready;
    logic [255:0] rdata, wdata;

    always_ff @(posedge clk_i) begin
      if (!rst_ni) flood_q <= 64'(p) << 28;
      else if (flood_i && read_ready) flood_q <= flood_q + 64'd4096;
    end
    assign read_addr    = flood_i ? flood_q : s_read_addr;
    assign read_bytes   = flood_i ? 32'd4096 : s_read_bytes;
    assign read_valid   = flood_i || (p == 0 && s_read_tvalid);
    assign out_valid[p] = valid && (flood_i || m_axis_tready);

    if (p == 0) begin : g_first
      assign s_read_tready     = read_ready && !flood_i;
      assign m_axis_tdata      = data;
      assign m_axis_tvalid     = valid && !flood_i;
      assign s_write_tready    = write_ready;
      assign s_axis_tready     = in_ready;
      assign m_done_cause      = done_cause;
      assign m_done_tvalid     = done_valid;
      assign read_idle_o       = read_idle;
      assign read_cause_o      = read_cause;
      assign read_error_addr_o = error_addr;
      assign write_idle_o      = write_idle;
      assign write_cause_o     = write_cause;
      assign arvalid_o         = arvalid;
      assign arready_o         = arready;
      assign rvalid_o          = rvalid;
      assign wlast_o           = wvalid && wready && wlast;
      assign bvalid_o          = bvalid;
    end

    hbm_streamer i_streamer (
        .clk_i, .rst_ni, .s_desc_addr(read_addr), .s_desc_bytes(read_bytes), .s_desc_tag(8'd0), .s_desc_tvalid(read_valid),
        .s_desc_tready(read_ready), .m_axis_tdata(data), .m_axis_tlast(unused_last), .m_axis_tuser(unused_user),
        .m_axis_tvalid(valid), .m_axis_tready(flood_i || m_axis_tready), .m_axi_arid(arid), .m_axi_araddr(araddr),
        .m_axi_arlen(arlen), .m_axi_arsize(arsize), .m_axi_arburst(arburst), .m_axi_arcache(unused_arcache),
        .m_axi_arprot(unused_arprot), .m_axi_arvalid(arvalid), .m_axi_arready(arready), .m_axi_rid(rid), .m_axi_rdata(rdata),
        .m_axi_rresp(rresp), .m_axi_rlast(rlast), .m_axi_rvalid(rvalid), .m_axi_rready(rready), .clear_i,
        .busy_o(unused_busy), .idle_o(read_idle), .error_o(unused_error), .error_cause_o(read_cause),
        .error_addr_o(error_addr), .error_tag_o(unused_read_tag)
    );

    hbm_writer i_writer (
        .clk_i, .rst_ni, .s_desc_addr(s_write_addr), .s_desc_bytes(s_write_bytes), .s_desc_tag(8'd0),
        .s_desc_tvalid(p == 0 && s_write_tvalid), .s_desc_tready(write_ready), .s_axis_tdata,
        .s_axis_tvalid(p == 0 && s_axis_tvalid), .s_axis_tready(in_ready), .m_done_tag(unused_done_tag),
        .m_done_cause(done_cause), .m_done_tvalid(done_valid), .m_done_tready, .m_axi_awid(awid), .m_axi_awaddr(awaddr),
        .m_axi_awlen(awlen), .m_axi_awsize(awsize), .m_axi_awburst(awburst), .m_axi_awcache(unused_awcache),
        .m_axi_awprot(unused_awprot), .m_axi_awvalid(awvalid), .m_axi_awready(awready), .m_axi_wdata(wdata),
        .m_axi_wstrb(wstrb), .m_axi_wlast(wlast), .m_axi_wvalid(wvalid), .m_axi_wready(wready), .m_axi_bid(bid),
        .m_axi_bresp(bresp), .m_axi_bvalid(bvalid), .m_axi_bready(bready), .clear_i, .busy_o(unused_write_busy),
        .idle_o(write_idle), .error_o(unused_write_error), .error_cause_o(write_cause),
        .error_addr_o(unused_write_error_addr), .error_tag_o(unused_tag)
    );

    axi_memory #(
        .Port(p), .Latency(Latency)
    ) i_memory (
        .clk_i, .rst_ni, .s_axi_arid(arid), .s_axi_araddr(araddr), .s_axi_arlen(arlen), .s_axi_arsize(arsize),
        .s_axi_arburst(arburst), .s_axi_arvalid(arvalid), .s_axi_arready(arready), .s_axi_rid(rid), .s_axi_rdata(rdata),
        .s_axi_rresp(rresp), .s_axi_rlast(rlast), .s_axi_rvalid(rvalid), .s_axi_rready(rready), .s_axi_awid(awid),
        .s_axi_awaddr(awaddr), .s_axi_awlen(awlen), .s_axi_awsize(awsize), .s_axi_awburst(awburst),
        .s_axi_awvalid(awvalid), .s_axi_awready(awready), .s_axi_wdata(wdata), .s_axi_wstrb(wstrb & strobes_i),
        .s_axi_wlast(wlast), .s_axi_wvalid(wvalid), .s_axi_wready(wready), .s_axi_bid(bid), .s_axi_bresp(bresp),
        .s_axi_bvalid(bvalid), .s_axi_bready(bready)
    );
  end
endmodule
